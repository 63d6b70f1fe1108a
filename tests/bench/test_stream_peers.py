"""The stream's bench with peers measures what it says, and says why a peer has no figure."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.peers import registry
from deploy.peers.peer import Peer
from deploy.production_servers import kafka_is_installed, redis_is_installed
from deploy.stage_clock import StageClock
from deploy.stream_bench.answer import AIMS, MUST_RUN, aims, is_ahead, section
from deploy.stream_bench.comparison import Comparison, Scale
from deploy.stream_bench.core_share import CoreShare, refuse_full
from deploy.stream_bench.freshness import Followed, follow, percentiles
from deploy.stream_bench.load import make_load
from deploy.stream_bench.site import BenchSite
from deploy.stream_bench.speed import measure_speed
from deploy.stream_bench.stages import WORKER
from features.errors import NotServingError, UnavailableError

SLOW_PEER: dict[str, Any] = {"name": "slow", "events_per_second": 40}
FAST_PEER: dict[str, Any] = {"name": MUST_RUN[0], "events_per_second": 80}
OURS = ("no_framework", "faust_take", "faust_tables", "feast_push")
"""Peers that run in our own environment."""
needs_servers = pytest.mark.skipif(
    not (kafka_is_installed() and redis_is_installed()), reason="no Apache Kafka or Redis: make servers"
)


def test_ratios_are_to_each_peer_and_to_the_fastest() -> None:
    """The fastest stands first."""
    found = section(100, [SLOW_PEER, FAST_PEER])
    assert [(peer["name"], peer["ratio"]) for peer in found["peers"]] == [(MUST_RUN[0], 1.25), ("slow", 2.5)]
    assert found["ratio"] == 1.25
    assert section(100, [])["ratio"] is None


def test_ahead_is_faster_than_every_peer() -> None:
    """As fast is not ahead, and nobody is ahead where none of those ran that are to be beaten."""
    assert is_ahead(section(81, [SLOW_PEER, FAST_PEER]))
    assert not is_ahead(section(81, []))
    assert not is_ahead(section(81, [SLOW_PEER]))
    assert not is_ahead(section(80, [SLOW_PEER, FAST_PEER]))


def test_aims_say_whether_they_were_reached() -> None:
    """Speed from below, freshness from above; a freshness that could not be measured is not reached."""
    figures: dict[str, Any] = {
        "events_per_second": 100_000,
        "uniform": {"events_per_second": 49_999},
        "freshness": {"half_peak": {"p50_ms": 5.0, "p99_ms": 15.1}, "even_pace": {"p50_ms": 9.0, "p99_ms": 9.0}},
    }
    assert [aim["reached"] for aim in aims(figures).values()] == [True, False, True, False]
    assert [aim["reached"] for aim in aims({**figures, "freshness": None}).values()] == [True, False, False, False]
    assert aims({**figures, "freshness": {}})["freshness_p99_ms"] == {"aim": 15.0, "found": None, "reached": False}
    assert aims(figures).keys() == AIMS.keys()


def test_every_peer_of_the_registry_is_one() -> None:
    """Each module holds one class, no two have a name in common, and none needs its framework to be looked at."""
    peers = [registry.load_peer(module) for module in registry.MODULES]
    assert len({peer.name for peer in peers}) == len(peers) >= 4
    assert all(0 < peer.share <= 1 for peer in peers)


class Script:
    """A contestant that has written so much at each look; the clock stands between two looks for a while."""

    first_write_s = 1.0

    def __init__(self, done: Sequence[int]) -> None:
        self.process: Any = self
        self.name, self.is_running = "script", True
        self.started_s = time.perf_counter() - 100.0
        self._done = list(done)

    def done(self) -> int:
        if len(self._done) == 1:
            self.is_running = False
        return self._done.pop(0) if len(self._done) > 1 else self._done[0]

    def log_end(self) -> str:
        return "its log"


def test_speed_is_that_of_what_comes_after_the_warm_up() -> None:
    """Seventy of a hundred were there by then; what writes all at once is measured from its start."""
    began_s = time.perf_counter()
    per_second = measure_speed(Script([0, 1, 1, 70, 80, 100]), 100)
    assert per_second >= 30 / (time.perf_counter() - began_s)
    assert measure_speed(Script([0, 100, 100]), 100) == pytest.approx(1.0, rel=0.05)


def test_a_contestant_that_ends_has_no_speed() -> None:
    """The error says how far it came, and how its log ends."""
    with pytest.raises(NotServingError, match="ended after 3 events; its log"):
        measure_speed(Script([0, 1, 3]), 100)


class EvenLoop:
    """An open loop whose every event can be read some milliseconds after it was sent."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._sent: list[Followed] = []

    def send_due(self) -> Followed:
        self._sent.append(Followed("a", len(self._sent) + 1, time.perf_counter()))
        return self._sent[-1]

    def newest_us(self, _account_id: str) -> int:
        now_s = time.perf_counter()
        return max((sent.at_us for sent in self._sent if now_s >= sent.sent_s + self._delay_s), default=0)


def test_freshness_is_from_sent_to_read() -> None:
    """Each event that is followed counts once; none is read before it is there."""
    loop = EvenLoop(0.004)
    taken_ms = follow(loop, loop.newest_us, 0.2)  # type: ignore[arg-type]  # a fake
    assert taken_ms
    assert min(taken_ms) >= 4.0


def test_events_that_come_during_a_pause_count_too() -> None:
    """Who stands still for a fifth of the time has not one slow event but a fifth of them."""
    loop = EvenLoop(0.0)
    began_s = time.perf_counter()

    def newest_us(account_id: str) -> int:
        return 0 if 0.4 < time.perf_counter() - began_s < 0.6 else loop.newest_us(account_id)

    taken_ms = follow(loop, newest_us, 1.0)  # type: ignore[arg-type]  # a fake
    assert sum(ms > 50.0 for ms in taken_ms) / len(taken_ms) > 0.1


def test_percentiles_are_of_all_that_was_followed() -> None:
    """Median and 99th; one event alone has neither."""
    assert percentiles([float(ms) for ms in range(101)]) == (50.0, 99.0)
    with pytest.raises(NotServingError, match="99 events could be followed, too few"):
        percentiles([1.0] * 99)


def test_a_full_core_of_the_servers_is_no_freshness() -> None:
    """It would be the harness that is measured; the error says who filled it."""
    refuse_full({"kafka": 0.5, "bench": 0.4})
    with pytest.raises(NotServingError, match=r"full \(kafka 50%, bench 41%\)"):
        refuse_full({"kafka": 0.5, "bench": 0.41})


def test_the_share_of_a_core_is_that_since_the_start() -> None:
    """A process that computes all the time has a part of a core, whatever it used before."""
    core = CoreShare({"bench": os.getpid()})
    core.start()
    began_s = time.process_time()
    while time.process_time() < began_s + 0.1:
        pass
    assert 0.0 < core.shares()["bench"] <= 1.5


def test_an_account_alone_may_be_given_more_events() -> None:
    """Who writes an account once a batch is done with them at once."""
    push = registry.load_peer("feast_push")
    assert push.share_of("zipf") == push.share_of("uniform") < push.share_of("single_key")
    assert registry.load_peer("quix").share_of("single_key") == registry.load_peer("quix").share


def test_a_part_of_a_load_is_its_beginning() -> None:
    """The same events, fewer."""
    load = make_load("single_key", 10, 5)
    assert load.part(0.3).values == load.values[:3]
    assert len(set(load.accounts.tolist())) == 1


@pytest.mark.parametrize(
    ("calls", "stage"),
    [
        (["features.decode:decode"], "decode"),
        (["streams.engine:_process", "features.decode:decode", "json.decoder:scan"], "decode"),
        (["features.kernel:apply_many", "features.ring:roll"], "kernel"),
        (["features.kernel:finish", "features.aggregates.sum:finish"], "finish and encode"),
        (["streams.view_writer:_fold_chunk", "features.compiled_kernel:apply_many"], "kernel"),
        (["streams.view_writer:_fold_chunk", "features.compiled_kernel:encode"], "finish and encode"),
        (["streams.view_writer:_fold_chunk", "features.compiled_kernel:fields"], "finish and encode"),
        (["threading:run", "features.lake.files:write", "pathlib:open"], "lake"),
        (["threading:run"], "other"),
    ],
)
def test_time_belongs_to_the_innermost_stage_that_is_known(calls: list[str], stage: str) -> None:
    """Library code counts for whoever of ours called it; what nobody of ours called is other."""
    found: Callable[[], str] = lambda: StageClock(WORKER).stage_of(sys._getframe(1))  # noqa: E731 - wrapped in a loop
    for call in reversed(calls):
        module, function = call.split(":")
        named: dict[str, Any] = {"__name__": module}
        exec(f"def {function}(inner): return inner()", named)
        found = partial(named[function], found)
    assert found() == stage


def test_what_a_thread_has_used_between_two_looks_is_put_down() -> None:
    """And nothing of what it used before the first."""
    clock = StageClock(WORKER)
    clock.look(sys._current_frames())
    clock.seconds = dict.fromkeys(WORKER.names, 0.0)
    began_s = time.process_time()
    while time.process_time() < began_s + 0.05:
        pass
    clock.look(sys._current_frames())
    assert 0.05 <= math.fsum(clock.seconds.values()) < 5.0


class Absent(Peer):
    """A peer whose framework cannot be had."""

    name = "absent"

    def prepare(self, folder: Path) -> None:
        raise UnavailableError("absent", "its registry does not answer")

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:
        raise AssertionError


class Ending(Absent):
    """A peer that ends at once."""

    name = "ending"

    def prepare(self, folder: Path) -> None:
        pass

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:
        return (sys.executable, "-c", "print('no such broker')")


@needs_servers
@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes start, one after the other
def test_a_small_run_gives_every_figure(tmp_path: Path) -> None:
    """Worker and peers on servers of the bench's own; who cannot run is listed with the reason."""
    with ExitStack() as running:
        site = BenchSite(tmp_path / "site", running)
        run = Comparison(site, Scale({"zipf": 60_000}, n_accounts=500, freshness_s=1.0), lambda _: None)
        run.run_worker()
        for module in OURS:
            run.run_peer(registry.load_peer(module), tmp_path / module)
        run.run_peer(Absent(), tmp_path / "absent")
        run.run_peer(Ending(), tmp_path / "ending")
    assert run.ours["zipf"] > 0
    stages = run.ours["stages"]["zipf"]
    assert stages["events_per_second"] > 0
    assert stages["worker_us"].keys() <= set(WORKER.names)
    assert math.fsum(stages["worker_us"].values()) > 0
    assert [peer["events_per_second"] > 0 for peer in run.peers["zipf"]] == [True] * len(OURS)
    reasons = {(each["name"], each["what"]): each["reason"] for each in run.missing.told}
    assert "its registry does not answer" in reasons["absent", "all"]
    assert "no such broker" in reasons["ending", "zipf"]
