"""One run of the worker and all peers, each alone on its core, one after the other, on the same servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from deploy.peers.peer import Peer
from deploy.stream_bench.contestant import Contestant
from deploy.stream_bench.freshness import OpenLoop, measure_freshness
from deploy.stream_bench.load import Load, make_load
from deploy.stream_bench.peer_process import RunningPeer
from deploy.stream_bench.pinning import on_core
from deploy.stream_bench.plain_faust import plain_faust_speed
from deploy.stream_bench.running_worker import RunningWorker
from deploy.stream_bench.site import BenchSite
from deploy.stream_bench.speed import DEADLINE_S, WARM_UP, measure_speed, wait_for
from deploy.stream_bench.stages import latest_stages, read_stages
from features.errors import MillstreamError

KEPT: Final = Path("var/peers")
"""What peers have installed, one folder each."""
PLAIN_SHARE: Final = 0.15
WORKER: Final = "Millstream"
PROFILED: Final = ("zipf", "uniform")


class Scale(NamedTuple):
    """How large a run is: events by kind of traffic, accounts, and how long freshness is looked at."""

    n_events: Mapping[str, int] = {"zipf": 400_000, "uniform": 300_000, "single_key": 200_000}
    n_accounts: int = 100_000
    freshness_s: float = 10.0


class Comparison:
    """The figures of one run, gathered as they come."""

    def __init__(self, site: BenchSite, scale: Scale, note: Callable[[str], None]) -> None:
        self._site = site
        self._scale = scale
        self._note = note
        self._loads = {name: make_load(name, n_events, scale.n_accounts) for name, n_events in scale.n_events.items()}
        self.ours: dict[str, Any] = {}
        self.peers: dict[str, list[dict[str, Any]]] = {name: [] for name in self._loads}
        self.plain_faust = 0
        self.did_not_run: list[dict[str, str]] = []

    def run_worker(self) -> None:
        """Our own figures."""
        for traffic in self._loads:
            with ExitStack() as running:
                load, worker = self._start_worker(running, traffic, traffic)
                speed = self._speed(worker, len(load.values))
                self._note(f"worker, {traffic}: {speed:,} events/s")
                self.ours[traffic] = speed
                if traffic == "zipf":
                    worker.open_scorer(running)
                    self.ours["freshness"] = self._freshness(WORKER, worker, load, f"worker-{traffic}", speed / 2)
                if traffic == "uniform":
                    self.ours["bytes_per_entity"] = {
                        "state": worker.state_bytes,
                        "store": worker.store_bytes_per_entity,
                        "worker": worker.worker_bytes_per_entity(),
                    }
        self.ours["stages"] = {traffic: self._stages(traffic) for traffic in PROFILED if traffic in self._loads}

    def run_plain_faust(self) -> None:
        """How fast Faust hands over events to an agent that does nothing with them."""
        site, load, topic = self._site, self._loads["zipf"].part(PLAIN_SHARE), "plain-faust"
        site.new_topic(topic, load)
        with on_core(site.worker_core):
            self.plain_faust = round(plain_faust_speed(site.kafka.bootstrap_servers, topic, len(load.values)))

    def run_peer(self, peer: Peer, kept: Path) -> None:
        """A peer's figures, or why there are none."""
        try:
            kept.mkdir(parents=True, exist_ok=True)
            peer.prepare(kept)
        except (MillstreamError, OSError) as error:
            self._missing(peer.name, "all", error)
            return
        for traffic in self._loads:
            try:
                self._run_peer_on(peer, kept, traffic)
            except (MillstreamError, OSError) as error:
                self._missing(peer.name, traffic, error)

    def _run_peer_on(self, peer: Peer, kept: Path, traffic: str) -> None:
        site, load, topic = self._site, self._loads[traffic].part(peer.share), f"{kept.name}-{traffic}"
        site.wipe()
        site.new_topic(topic, load)
        contestant = RunningPeer(site, peer, topic, kept.resolve())
        with on_core(site.worker_core):
            contestant.process.start()
        try:
            speed = self._speed(contestant, len(load.values))
            self._note(f"{peer.name}, {traffic}: {speed:,} events/s")
            figures: dict[str, Any] = {"name": peer.name, "events_per_second": speed, "events": len(load.values)}
            self.peers[traffic].append(figures)
            if traffic == "zipf":
                figures["freshness"] = self._freshness(peer.name, contestant, load, topic, speed / 2)
        finally:
            contestant.process.stop()

    def _start_worker(
        self, running: ExitStack, traffic: str, name: str, stages: Path | None = None
    ) -> tuple[Load, RunningWorker]:
        load = self._loads[traffic]
        topic = f"worker-{name}"
        return load, RunningWorker(self._site, running, load, topic, self._scale.n_accounts, stages=stages)

    def _speed(self, contestant: Contestant, n_events: int) -> int:
        with on_core(self._site.servers_core):
            return round(measure_speed(contestant, n_events))

    def _freshness(
        self, name: str, contestant: Contestant, load: Load, topic: str, per_second: float
    ) -> dict[str, Any] | None:
        """Freshness at this pace; None where the contestant does not keep up with it."""
        with on_core(self._site.servers_core):
            loop = OpenLoop(self._site.kafka.bootstrap_servers, topic, load.accounts, per_second)
            try:
                found = measure_freshness(loop, contestant.newest_us, self._scale.freshness_s, per_second)
                return found._asdict()
            except MillstreamError as error:
                self._missing(name, "freshness", error)
                return None
            finally:
                loop.close()

    def _stages(self, traffic: str) -> dict[str, Any]:
        """Microseconds of processor time an event, in a run of its own, after the warm-up."""
        path = self._site.folder / f"stages-{traffic}.json"
        with ExitStack() as running, on_core(self._site.servers_core):
            load, worker = self._start_worker(running, traffic, f"{traffic}-stages", path)
            n_events = len(load.values)
            wait_for(worker, 1, worker.first_write_s)
            began, began_s = wait_for(worker, round(n_events * WARM_UP), DEADLINE_S)
            before, servers_before = read_stages(path), self._servers_s()
            if began > n_events * (1 - WARM_UP):  # too few events to look at a part of them
                before, began, began_s = {}, 0, worker.started_s
            wait_for(worker, n_events, DEADLINE_S)
            n_seen, seconds = n_events - began, time.perf_counter() - began_s
            servers_after = self._servers_s()
            after = latest_stages(path)
        return {
            "events_per_second": round(n_seen / seconds),
            "worker_us": {name: round((after[name] - before.get(name, 0.0)) / n_seen * 1e6, 2) for name in after},
            "servers_us": {
                name: round((servers_after[name] - servers_before[name]) / n_seen * 1e6, 2) for name in servers_after
            },
        }

    def _servers_s(self) -> dict[str, float]:
        """Processor time that each server has used."""
        times = {server.name: psutil.Process(server.pid).cpu_times() for server in (self._site.kafka, self._site.redis)}
        return {name: used.user + used.system for name, used in times.items()}

    def _missing(self, name: str, what: str, error: Exception) -> None:
        self._note(f"{name}, {what}: did not run ({error})")
        self.did_not_run.append({"name": name, "what": what, "reason": str(error)})


def compare(site: BenchSite, scale: Scale, peers: Mapping[str, Peer], note: Callable[[str], None]) -> Comparison:
    """Run all of it. ``peers`` are named by the folder that each keeps what it installs in."""
    comparison = Comparison(site, scale, note)
    comparison.run_worker()
    comparison.run_plain_faust()
    for name, peer in peers.items():
        comparison.run_peer(peer, KEPT / name)
    return comparison
