"""How a stack is: what runs, how it feels, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from deploy.caught_up import LanePosition, read_positions
from deploy.leftovers import same_process
from deploy.rooms import answers_http
from deploy.scorer_processes import named, read_scorer
from deploy.server_process import answers_tcp
from deploy.servers import answers_kafka, answers_redis
from deploy.stack import worker_ports
from deploy.stack_file import ProcessInfo, is_supervised, read_stack
from features.nouns import SCORES_TOPIC
from features.plan_shelf import applied_plan, read_in_force
from features.routing import CHAMPION
from features.settings import ScorerSettings, Settings
from grpc_api.pointer import CHAMPION_POINTERS, models_dir


class ProcessStatus(NamedTuple):
    """One process of the stack."""

    name: str
    alive: bool
    ready: bool
    address: str | None
    restarts: int


class StatusReport(NamedTuple):
    """The whole stack.

    ``behind`` counts records that the broker holds and that are not applied; ``event_time_lag_s`` is by topic how far
    its newest events lie behind Kafka's clock, in the partition where that is most.
    """

    project: str
    running: bool
    state: str
    processes: tuple[ProcessStatus, ...] = ()
    behind: int = 0
    event_time_lag_s: Mapping[str, float] = {}
    problems: tuple[str, ...] = ()
    plans: Mapping[str, str] = {}
    serving: Mapping[str, str] = {}

    @property
    def healthy(self) -> bool:
        """Whether all that should run does, and can do its work."""
        return self.state == "up" and not self.problems and all(p.alive and p.ready for p in self.processes)

    def data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            **self._asdict(),
            "healthy": self.healthy,
            "processes": [process._asdict() for process in self.processes],
        }

    def text(self) -> str:
        """For people."""
        if not self.running:
            return f"{self.project} is not up; `millstream up` starts it"
        lines = [f"{self.project}: {self.state}, {'healthy' if self.healthy else 'not healthy'}"]
        for process in self.processes:
            how = "ready" if process.ready else "alive, not ready" if process.alive else "dead"
            again = f", restarted {process.restarts}x" if process.restarts else ""
            lines.append(f"  {process.name:<11} {process.address or '':<22} {how}{again}")
        lines.append(f"  {self.behind:,} records not applied yet")
        lines += [
            f"  {topic}: event time is {timedelta(seconds=round(lag_s))} behind Kafka's clock"
            for topic, lag_s in self.event_time_lag_s.items()
        ]
        lines += [f"  plan {plan_hash} {how}" for plan_hash, how in self.plans.items()]
        lines += [f"  {model} version {version} serves" for model, version in self.serving.items()]
        lines += [f"  problem: {problem}" for problem in self.problems]
        return "\n".join(lines)


def stack_status(settings: Settings, project: str) -> StatusReport:
    """Ask everything that runs."""
    state_dir = settings.state_dir(project)
    stack = read_stack(state_dir)
    if stack is None or not is_supervised(state_dir):
        return StatusReport(project, running=False, state="down")
    by_process = served_models(settings) if "scorer" in stack.processes else [{}]
    serving = by_process[0]
    lanes = [lane for port in worker_ports(settings, project) for lane in read_positions(port)]
    return StatusReport(
        project,
        running=True,
        state=stack.state,
        processes=tuple(process_status(name, info) for name, info in stack.processes.items()),
        behind=sum(max(0, (lane.end or 0) - (lane.committed or 0)) for lane in lanes),
        event_time_lag_s=event_time_lags(lanes),
        problems=(
            *sorted({lane.problem for lane in lanes if lane.problem}),
            *unserved(state_dir, serving),
            *differing(settings.scorer, by_process),
        ),
        plans=plans_of(state_dir),
        serving=serving,
    )


def plans_of(state_dir: Path) -> dict[str, str]:
    """What each plan is doing, by its hash."""
    in_force = read_in_force(state_dir)
    if in_force is None:
        return {}
    doing = dict.fromkeys(in_force.kept, "is kept for a champion that needs it")
    doing |= {} if in_force.arriving is None else {in_force.arriving: "is being rolled out"}
    doing = {in_force.serving: "serves", **doing}
    return {applied_plan(state_dir).hash: "is applied, not rolled out", **doing}


def unserved(state_dir: Path, serving: Mapping[str, str]) -> list[str]:
    """Models that have a champion here, of which the scorer can answer with none."""
    champions = {file.parent.name for file in models_dir(state_dir).glob(CHAMPION_POINTERS)}
    return [
        f"model {model} has a champion and does not serve; see the scorer's log"
        for model in sorted(champions - serving.keys())
    ]


def event_time_lags(lanes: Iterable[LanePosition]) -> dict[str, float]:
    """Seconds that event time is behind Kafka's clock, by topic of events, in the partition where it is most."""
    lags: dict[str, float] = {}
    for lane in lanes:
        if lane.watermark_lag_us is not None and lane.topic != SCORES_TOPIC:
            lag_s = lane.watermark_lag_us / 1e6
            lags[lane.topic] = max(lag_s, lags.get(lane.topic, lag_s))
    return lags


def process_status(name: str, info: ProcessInfo) -> ProcessStatus:
    """One process, by the probe of its kind."""
    alive = same_process(info) is not None
    port = urlsplit(f"//{info.address}").port if info.address else None
    ready = alive and (port is None or is_ready(name, port))
    return ProcessStatus(name, alive, ready, info.address, info.restarts)


def is_ready(name: str, port: int) -> bool:
    """Whether what listens there answers as its kind does."""
    if name == "valkey":
        return answers_redis(port)
    if name == "tansu":
        return answers_kafka(port)
    if name == "mlflow":
        return answers_http(port, "/health")
    if name.startswith("worker"):
        return answers_http(port, "/readyz")
    return answers_http(port, "/readyz") if name == "monitor" else answers_tcp(port)


def served_models(settings: Settings) -> list[dict[str, str]]:
    """Model and version of each that the scorer can answer with, by process."""
    return [
        {} if page is None else page.labels("millstream_scorer_model_info", "model", "version", arm=CHAMPION)
        for page in read_scorer(settings.scorer)
    ]


def differing(scorer: ScorerSettings, by_process: Sequence[Mapping[str, str]]) -> list[str]:
    """Processes of the scorer that do not serve what the first one does; a swap takes them all a moment."""
    return [
        f"{named(scorer, [index])} serves {versions_of(served)}, process 0 {versions_of(by_process[0])}; see its log"
        for index, served in enumerate(by_process)
        if served != by_process[0]
    ]


def versions_of(served: Mapping[str, str]) -> str:
    """Models with their versions."""
    return ", ".join(f"{model} version {version}" for model, version in served.items()) or "nothing"
