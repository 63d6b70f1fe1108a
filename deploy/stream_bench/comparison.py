"""One run of the worker and all peers, each alone on its core, one after the other, on the same servers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import psutil
import redis
from confluent_kafka import KafkaException

from deploy.missing_figures import MissingFigures
from deploy.peers.peer import Peer
from deploy.stage_clock import latest_stages
from deploy.stream_bench.contestant import Contestant
from deploy.stream_bench.core_share import CoreShare
from deploy.stream_bench.freshness import Freshness, OpenLoop, measure_freshness
from deploy.stream_bench.load import Load, make_load
from deploy.stream_bench.peer_process import RunningPeer
from deploy.stream_bench.pinning import on_core
from deploy.stream_bench.plain_faust import plain_faust_speed
from deploy.stream_bench.running_worker import NO_SETTINGS, RunningWorker
from deploy.stream_bench.site import BenchSite
from deploy.stream_bench.speed import DEADLINE_S, WARM_UP, measure_speed, wait_for
from features.errors import MillstreamError, NotServingError

KEPT: Final = Path("var/peers")
"""What peers have installed, one folder each."""
PLAIN_SHARE: Final = 0.04
WORKER: Final = "Millstream"
PROFILED: Final = ("zipf", "uniform")
PROFILED_SHARE: Final = 0.5
COALESCED: Final = {"MILLSTREAM_WORKER__COALESCE_FEAST_FIELDS": "true"}
EVEN_PACE: Final = 10_000.0
"""Events a second at which every contestant's freshness is measured that keeps up with it."""
FAILURES: Final = (MillstreamError, OSError, redis.RedisError, grpc.RpcError, KafkaException, psutil.Error)
"""What says that a contestant, or a server under it, does not do its part: its figure is missing, others are not."""


class Scale(NamedTuple):
    """How large a run is: events by kind of traffic, accounts, and how long freshness is looked at, twice."""

    n_events: Mapping[str, int] = {"zipf": 1_500_000, "uniform": 1_000_000, "single_key": 1_000_000}
    n_accounts: int = 100_000
    freshness_s: float = 5.0


class Comparison:
    """The figures of one run, gathered as they come."""

    def __init__(self, site: BenchSite, scale: Scale, note: Callable[[str], None]) -> None:
        self._site = site
        self._scale = scale
        self._note = note
        self._loads = {name: make_load(name, n_events, scale.n_accounts) for name, n_events in scale.n_events.items()}
        self.ours: dict[str, Any] = {}
        self.peers: dict[str, list[dict[str, Any]]] = {name: [] for name in self._loads}
        self.plain_faust: int | None = None
        self.missing = MissingFigures(FAILURES, note)

    def run_worker(self) -> None:
        """Our own figures."""
        for traffic in self._loads:
            with ExitStack() as running:
                load, worker = self._start_worker(running, traffic)
                speed = self._speed(worker, len(load.values))
                self._note(f"worker, {traffic}: {speed:,} events/s")
                self.ours[traffic] = speed
                if traffic == "zipf":
                    with self.missing.unless_had(WORKER, "freshness"):
                        worker.open_scorer(running)
                        self.ours["freshness"] = self._freshness(WORKER, worker, load, f"worker-{traffic}-speed", speed)
                if traffic == "uniform":
                    with self.missing.unless_had(WORKER, "bytes per entity"):
                        self.ours["bytes_per_entity"] = {
                            "state": worker.state_bytes,
                            "store": worker.store_bytes_per_entity,
                            "worker": worker.worker_bytes_per_entity(),
                        }
        self.ours["stages"], self.ours["coalesced"] = {}, {}
        for traffic in PROFILED:
            if traffic in self._loads:
                with self.missing.unless_had(WORKER, f"Feast's fields coalesced, {traffic}"):
                    self.ours["coalesced"][traffic] = self._coalesced(traffic)
                with self.missing.unless_had(WORKER, f"stages, {traffic}"):
                    self.ours["stages"][traffic] = self._stages(traffic)

    def run_plain_faust(self) -> None:
        """How fast Faust hands over events to an agent that does nothing with them."""
        site, load, topic = self._site, self._loads["zipf"].part(PLAIN_SHARE), "plain-faust"
        with self.missing.unless_had("Faust, nothing done", "all"), on_core(site.worker_core):
            site.new_topic(topic, load)
            self.plain_faust = round(plain_faust_speed(site.kafka.bootstrap_servers, topic, len(load.values)))

    def run_peer(self, peer: Peer, kept: Path) -> None:
        """A peer's figures, or why there are none."""
        prepared = False
        with self.missing.unless_had(peer.name, "all"):
            kept.mkdir(parents=True, exist_ok=True)
            peer.prepare(kept)
            prepared = True
        for traffic in self._loads if prepared else ():
            with self.missing.unless_had(peer.name, traffic):
                self._run_peer_on(peer, kept, traffic)

    def _run_peer_on(self, peer: Peer, kept: Path, traffic: str) -> None:
        site, load, topic = self._site, self._loads[traffic].part(peer.share_of(traffic)), f"{kept.name}-{traffic}"
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
                figures["freshness"] = self._freshness(peer.name, contestant, load, topic, speed)
        finally:
            contestant.process.stop()

    def _start_worker(
        self,
        running: ExitStack,
        traffic: str,
        *,
        share: float = 1.0,
        run: str = "speed",
        stages: Path | None = None,
        settings: Mapping[str, str] = NO_SETTINGS,
    ) -> tuple[Load, RunningWorker]:
        load, n_accounts = self._loads[traffic].part(share), self._scale.n_accounts
        topic = f"worker-{traffic}-{run}"
        return load, RunningWorker(self._site, running, load, topic, n_accounts, stages=stages, settings=settings)

    def _coalesced(self, traffic: str) -> int:
        """Events a second where Feast's fields are renewed once for each lake file."""
        with ExitStack() as running:
            load, worker = self._start_worker(
                running, traffic, share=PROFILED_SHARE, run="coalesced", settings=COALESCED
            )
            return self._speed(worker, len(load.values))

    def _speed(self, contestant: Contestant, n_events: int) -> int:
        with on_core(self._site.servers_core):
            return round(measure_speed(contestant, n_events))

    def _freshness(self, name: str, contestant: Contestant, load: Load, topic: str, peak: float) -> dict[str, Any]:
        """Freshness at half the contestant's peak and at the pace that is everybody's; none where it cannot be told."""
        found: dict[str, Any] = {}
        for pace, per_second in {"half_peak": peak / 2, "even_pace": EVEN_PACE}.items():
            if per_second > peak:
                self.missing.tell(
                    name, f"freshness, {pace}", NotServingError(name, f"its peak is {peak:,.0f} events/s")
                )
                continue
            with self.missing.unless_had(name, f"freshness, {pace}"):
                found[pace] = self._freshness_at(contestant, load, topic, per_second)._asdict()
        return found

    def _freshness_at(self, contestant: Contestant, load: Load, topic: str, per_second: float) -> Freshness:
        site, seconds = self._site, self._scale.freshness_s
        with on_core(site.servers_core):
            loop = OpenLoop(site.kafka.bootstrap_servers, topic, load.accounts, per_second, seconds)
            core = CoreShare({**self._servers(), **contestant.readers, "bench": os.getpid()})
            try:
                return measure_freshness(loop, contestant.newest_us, seconds, per_second, core)
            finally:
                loop.close()

    def _stages(self, traffic: str) -> dict[str, Any]:
        """Microseconds of processor time an event, in a run of its own, after the warm-up."""
        path = self._site.folder / f"stages-{traffic}.json"
        with ExitStack() as running, on_core(self._site.servers_core):
            load, worker = self._start_worker(running, traffic, share=PROFILED_SHARE, run="stages", stages=path)
            servers = CoreShare(self._servers())
            at_start = servers.used_s()
            n_events = len(load.values)
            wait_for(worker, 1, worker.first_write_s)
            wait_for(worker, round(n_events * WARM_UP), DEADLINE_S)
            before = latest_stages(path)
            began, began_s = worker.done(), time.perf_counter()
            servers_before = servers.used_s()
            if began > n_events * (1 + WARM_UP) / 2:  # too few events are left to look at
                before, servers_before, began, began_s = {}, at_start, 0, worker.started_s
            wait_for(worker, n_events, DEADLINE_S)
            n_seen, seconds = n_events - began, time.perf_counter() - began_s
            servers_after = servers.used_s()
            after = latest_stages(path)
        if not after:
            raise NotServingError("worker", "told no stages: this system has no clock for the time of a thread")
        return {
            "events_per_second": round(n_seen / seconds),
            "worker_us": {name: round((after[name] - before.get(name, 0.0)) / n_seen * 1e6, 2) for name in after},
            "servers_us": {
                name: round((servers_after[name] - servers_before[name]) / n_seen * 1e6, 2) for name in servers_after
            },
        }

    def _servers(self) -> dict[str, int]:
        return {server.name: server.pid for server in (self._site.kafka, self._site.redis)}


def compare(site: BenchSite, scale: Scale, peers: Mapping[str, Peer], note: Callable[[str], None]) -> Comparison:
    """Run all of it. ``peers`` are named by the folder that each keeps what it installs in."""
    comparison = Comparison(site, scale, note)
    comparison.run_worker()
    comparison.run_plain_faust()
    for name, peer in peers.items():
        comparison.run_peer(peer, KEPT / name)
    return comparison
