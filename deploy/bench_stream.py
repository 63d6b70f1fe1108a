"""``millstream bench stream``: the whole worker against Faust as it comes, on one broker, in one run.

Broker and store share one core, the worker has the other to itself. Events wait at the broker and states with full
tiles in the store when the worker starts; measured is from its first fetch to its last confirmed write.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from deploy.bench_stream_traffic import (
    EXPONENT,
    PARTITIONS,
    PLAN,
    TOPIC,
    fill_store,
    send_events,
    zipf_accounts,
)
from deploy.caught_up import read_positions
from deploy.server_process import Server, answers_tcp
from deploy.servers import TansuServer, ValkeyServer
from features.errors import NotServingError
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from features.plan import save_plan
from streams.logs import KafkaLogs

N_EVENTS: Final = 300_000
N_EVENTS_PLAIN: Final = 60_000
N_ACCOUNTS: Final = 100_000
BAR: Final = 30_000
DEADLINE_S: Final = 300.0
POLL_S: Final = 0.1

WORKER: Final = """
import sys
from pathlib import Path
from features.plan import load_plan
from features.settings import Settings
from streams.run import run_worker

run_worker(Settings(), load_plan(Path(sys.argv[1])))
"""


class BenchWorker(Server):
    """The worker under test; ready once its pages answer, long before it reads."""

    name = "worker"

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._environment = environment

    def prepare(self) -> None:
        """The plan, as `apply` would leave it."""
        save_plan(PLAN, self.folder / "plan.json")

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (sys.executable, "-c", WORKER, str(self.folder / "plan.json"))

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return {"MILLSTREAM_WORKER__METRICS_PORT": str(self.port), "PYTHONPATH": import_path(), **self._environment}

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        return answers_tcp(self.port)


def bench_stream(
    *, n_events: int = N_EVENTS, n_events_plain: int = N_EVENTS_PLAIN, n_accounts: int = N_ACCOUNTS
) -> dict[str, Any]:
    """Run it; ``passed`` says whether the worker reached the bar."""
    servers_core, worker_core = cores()
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as name, ExitStack() as running:
        folder = Path(name)
        with on_core(servers_core):
            valkey = running.enter_context(ValkeyServer(folder / "valkey"))
            tansu = running.enter_context(TansuServer(folder / "tansu"))
        logs = KafkaLogs(tansu.bootstrap_servers)
        logs.create([TOPIC, SCORES_TOPIC, DEAD_LETTERS_TOPIC], PARTITIONS)
        now_us = time.time_ns() // 1_000
        state_bytes = asyncio.run(fill_store(valkey.settings, n_accounts, now_us, logs.describe([TOPIC])[TOPIC].log))
        send_events(tansu.bootstrap_servers, zipf_accounts(n_events, n_accounts, np.random.default_rng(11)), now_us)
        environment = {
            "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": tansu.bootstrap_servers,
            "MILLSTREAM_STORE__PORT": str(valkey.port),
            "MILLSTREAM_LAKE__URL": str(folder / "lake"),
            "MILLSTREAM_VAR": str(folder / "var"),
            "MILLSTREAM_WORKER__WEB_PORT": "0",
        }
        with on_core(worker_core):
            worker = running.enter_context(BenchWorker(folder / "worker", environment))
        with on_core(servers_core):
            per_second = measure(worker, n_events)
        worker.stop()
        with on_core(worker_core):
            plain_per_second = plain_faust(tansu.bootstrap_servers, n_events_plain)
    return {
        "events_per_second": round(per_second),
        "plain_faust_events_per_second": round(plain_per_second),
        "ratio": round(per_second / plain_per_second, 2),
        "bar": BAR,
        "events": n_events,
        "cores": os.cpu_count(),
        "traffic": f"Zipf({EXPONENT}) over {n_accounts} accounts, {PARTITIONS} partitions, 3 windows of count, sum, "
        f"min and max, {state_bytes} bytes of state each; worker on one core, broker and store on another",
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": per_second >= BAR,
    }


def measure(worker: BenchWorker, n_events: int) -> float:
    """Events a second from the first fetch to the last confirmed write; a look late at both ends counts against it."""
    looked_s, began_s, deadline_s = time.perf_counter(), None, time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        lanes = [lane for lane in read_positions(worker.port) if lane.topic == TOPIC]
        if began_s is None and any(lane.state == "running" for lane in lanes):
            began_s = looked_s
        looked_s = time.perf_counter()
        if began_s is not None and sum(lane.committed or 0 for lane in lanes) == n_events:
            return n_events / (looked_s - began_s)
        time.sleep(POLL_S)
    raise NotServingError("worker", f"has not confirmed all events after {DEADLINE_S:.0f} s; see {worker.log_file}")


def plain_faust(bootstrap_servers: str, n_events: int) -> float:
    """Events a second of an agent that does nothing."""
    command = (sys.executable, "-m", "deploy.bench_plain_faust", bootstrap_servers, TOPIC, str(n_events))
    environment = {**os.environ, "PYTHONPATH": import_path()}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=DEADLINE_S, check=True
    )
    return float(json.loads(done.stdout[done.stdout.rindex(b"{") :])["events_per_second"])


def cores() -> tuple[int, int]:
    """A core for the servers and one for the worker; the same one where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run, and let children run, on one core; where the system cannot pin, anywhere."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def import_path() -> str:
    """Where a child finds our packages, also when they are not installed."""
    return os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
