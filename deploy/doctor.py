"""Checks of this machine, the settings, the domain and the neighbours, each with what to do about it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from deploy.design import DESIGN_FILE, differences, read_design
from deploy.design_kept import broken_promises, not_running
from deploy.metrics_page import read_metrics
from deploy.scorer_processes import metrics_ports, read_scorer
from deploy.server_process import port_is_free
from deploy.servers import broker_program, store_program
from deploy.stack_file import is_supervised
from deploy.status import stack_status
from features.compiler import compile_plan
from features.domain import load_domain
from features.errors import MillstreamError
from features.formats.registry_client import RegistryClient
from features.kernels import KERNEL
from features.nouns import SCORES_TOPIC
from features.plan import load_plan
from features.redis_socket import RedisSocket
from features.redis_topology import find_topology
from features.settings import SchemaRegistrySettings, Settings, StoreSettings
from streams.logs import KafkaLogs

if TYPE_CHECKING:
    from deploy.invocation import Invocation

FREE_BYTES = 2 * 2**30


class Finding(NamedTuple):
    """One check: what was looked at, whether it is well, and what was seen or what to do."""

    check: str
    ok: bool
    detail: str

    def line(self) -> str:
        """For people."""
        return f"{'ok  ' if self.ok else 'FAIL'}  {self.check:<10} {self.detail}"


def examine(call: Invocation) -> list[Finding]:
    """All checks; one that fails does not keep the others from being made."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", check_python),
        ("kernel", check_kernel),
        ("settings", lambda: f"{call.base_settings.repo} with state in {call.base_settings.var}"),
        ("disk", lambda: check_disk(call.base_settings)),
        ("broker", lambda: f"embedded broker {broker_program()}"),
        ("store", lambda: f"embedded store {store_program()}"),
        ("domain", lambda: f"{load_domain(call.repo).project}: {', '.join(load_domain(call.repo).models)}"),
        ("plan", lambda: check_plan(call)),
        ("design", lambda: check_design(call)),
    ]
    findings = [attempt(check, look) for check, look in checks]
    if all(finding.ok for finding in findings if finding.check in {"settings", "domain"}):
        findings += stack_findings(call)
    return findings


def attempt(check: str, look: Callable[[], str]) -> Finding:
    """One check; the refusal of an engine's part is a finding."""
    try:
        return Finding(check, True, look())
    except (MillstreamError, NotWellError) as error:
        return Finding(check, False, str(error))


class NotWellError(Exception):
    """A check that found something wrong, in its own words."""


def check_python() -> str:
    """The interpreter (an older one than 3.11 does not come this far)."""
    return f"{sys.version.split()[0]} at {sys.executable}"


def check_kernel() -> str:
    """Which kernel folds events: both give the same bits, and one of them takes its time."""
    if KERNEL == "compiled":
        return "compiled"
    return f"{KERNEL}, as there was no C compiler: workers take two or three times as long; install one, `make setup`"


def check_disk(settings: Settings) -> str:
    """There is room for lake, store and registry."""
    settings.var.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.var).free
    if free < FREE_BYTES:
        raise NotWellError(f"{free / 2**30:.1f} GiB free for {settings.var}; make room for at least 2")
    return f"{free / 2**30:.0f} GiB free for {settings.var}"


def check_plan(call: Invocation) -> str:
    """The domain compiles, and what was applied is what the files say."""
    declared = compile_plan(call.repo)
    path = call.state_dir / "plan.json"
    if not path.exists():
        return f"{declared.hash} compiles; not applied yet"
    applied = load_plan(path)
    if applied.hash != declared.hash:
        raise NotWellError(
            f"applied is {applied.hash}, the files say {declared.hash}; `millstream apply`, then `millstream rollout`"
        )
    return f"{applied.hash} applied and current"


def check_design(call: Invocation) -> str:
    """The system's design, where the domain has one, says what is declared."""
    if not (call.repo / DESIGN_FILE).is_file():
        return f"no {DESIGN_FILE}"
    found = differences(read_design(call.repo), compile_plan(call.repo), call.domain)
    if found:
        raise NotWellError(f"{DESIGN_FILE}: {'; '.join(found)}; correct the side that is old")
    return f"{DESIGN_FILE} says what is declared"


def check_running(call: Invocation, processes: Mapping[str, bool]) -> str:
    """Every component of the design runs."""
    missing = not_running(read_design(call.repo), processes)
    if missing:
        raise NotWellError(f"{DESIGN_FILE}: {'; '.join(missing)}; `millstream status` says more")
    return "every component of the design runs"


def check_promises(call: Invocation) -> str:
    """What the design promises holds, as far as what runs can tell."""
    settings = call.settings
    broken, kept = broken_promises(
        read_design(call.repo).slos, read_scorer(settings.scorer), read_metrics(settings.monitor.metrics_port)
    )
    if broken:
        raise NotWellError(f"{DESIGN_FILE}: slos: {'; '.join(broken)}; docs/monitoring.md says what to do")
    return "; ".join(kept) or "none"


def stack_findings(call: Invocation) -> Iterator[Finding]:
    """What runs, or whether it could."""
    settings, project = call.settings, call.project
    if not is_supervised(call.state_dir):
        taken = [port for port in preferred_ports(settings) if not port_is_free(port)]
        detail = f"preferred ports {taken} are taken: others will be found" if taken else "preferred ports are free"
        yield Finding("stack", True, f"not up; {detail}")
        return
    report = stack_status(settings, project)
    yield Finding("stack", report.healthy, "healthy" if report.healthy else report.text().replace("\n", ";"))
    if (call.repo / DESIGN_FILE).is_file():
        alive = {process.name: process.alive for process in report.processes}
        yield attempt("components", lambda: check_running(call, alive))
        yield attempt("slos", lambda: check_promises(call))
    yield attempt("store", lambda: check_store(settings))
    yield attempt("broker", lambda: check_broker(settings, [source.topic for source in call.serving_plan.sources]))
    registry = settings.schema_registry
    if registry.url is not None:
        yield attempt("schemas", lambda: check_schemas(registry))


def check_broker(settings: Settings, topics: Sequence[str]) -> str:
    """The broker answers, tells topic ids, and has the topics that events come from."""
    broker = settings.kafka.bootstrap_servers
    logs = KafkaLogs(broker).describe([SCORES_TOPIC, *topics])
    missing = [topic for topic in (SCORES_TOPIC, *topics) if topic not in logs]
    if missing:
        raise NotWellError(f"{broker} has no topic {', '.join(missing)}; `millstream up` makes it")
    return f"{broker}, {SCORES_TOPIC} is log {logs[SCORES_TOPIC].log}, events come from {', '.join(topics) or 'none'}"


def check_schemas(settings: SchemaRegistrySettings) -> str:
    """The schema registry answers us."""
    RegistryClient(settings).ask()
    return str(settings.url)


def preferred_ports(settings: Settings) -> list[int]:
    """The ports that a stack would like."""
    kafka = int(settings.kafka.bootstrap_servers.rpartition(":")[2])
    worker, scorer, monitor = settings.worker, settings.scorer, settings.monitor
    return [
        kafka,
        settings.store.port,
        worker.metrics_port,
        worker.web_port,
        scorer.port,
        scorer.rest_port,
        *metrics_ports(scorer),
        monitor.metrics_port,
    ]


def check_store(settings: Settings) -> str:
    """No server of the store evicts, and what they say of durability."""
    deadline = time.monotonic() + settings.store.timeout_s
    shards = find_topology(settings.store, deadline).shards
    return "; ".join(check_server(shard.server, deadline) for shard in shards)


def check_server(server: StoreSettings, deadline: float) -> str:
    """One of them."""
    connection = RedisSocket(server, deadline)
    try:
        questions = [(b"CONFIG", b"GET", name) for name in (b"maxmemory-policy", b"appendonly")]
        (_, policy), (_, durable) = connection.ask(*questions, deadline=deadline)
    finally:
        connection.close()
    if policy != b"noeviction":
        raise NotWellError(
            f"{connection.address}: maxmemory-policy is {policy.decode()}: features would vanish in silence;"
            " set noeviction"
        )
    return f"{connection.address}, noeviction, append-only file {'on' if durable == b'yes' else 'off'}"
