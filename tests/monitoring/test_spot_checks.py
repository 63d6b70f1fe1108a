"""The promise watched: samples verified again and again, counted by cause, at a bounded cost."""

from __future__ import annotations

import threading
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.server_process import free_port
from deploy.servers import TansuServer
from features.attribution import Cause
from features.clock import FrozenClock
from features.errors import LakeCorruptError
from features.key_sample import KeySample
from features.settings import KafkaSettings, MonitorSettings, Settings
from features.verify import VerifyReport, verify
from monitoring.metrics import MonitorMetrics
from monitoring.spot_checks import REST, SpotChecks
from monitoring.watch import run_monitor
from tests.features.test_verify import JUDGE, PLAN, World
from tests.waiting import wait_until

START_US = 1_750_000_000_000_000


class House:
    """Spot checks over a lake, or over what a test says."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "lake")
        self.metrics = MonitorMetrics(folder / "reports")
        self.clock = FrozenClock(START_US)
        self.samples: list[KeySample] = []
        self.took_s = 0.0

    def prove(self, sample: KeySample) -> VerifyReport:
        self.samples.append(sample)
        self.clock.at_us += round(self.took_s * 1e6)
        return verify(self.world.lake, JUDGE, sample=sample)

    def checks(self, **how: Any) -> SpotChecks:
        return SpotChecks(
            **{"prove": self.prove, "metrics": self.metrics, "clock": self.clock, "every_s": 600.0, "keys": 100} | how
        )

    def value(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(f"millstream_monitor_{name}", labels)
        assert found is not None
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_was_served_rightly_is_counted_as_proven(house: House) -> None:
    """Each check draws another sample."""
    house.world.serve()
    house.world.fill_lake()
    checks = house.checks(keys=5)
    for _ in range(2):
        house.clock.at_us += 1
        checks.check()
    assert house.value("spot_checks_total", outcome="proven") == 2
    assert house.value("spot_checked_total") > 0
    first, second = ({d for d in range(20) if sample.holds({"device": f"d{d}"})} for sample in house.samples)
    assert first != second


@pytest.mark.parametrize(
    ("cause", "accident"), [("lost", {"skip": 27}), ("late", {"skip": 33}), ("duplicate", {"twice": 45})]
)
def test_a_planted_fault_is_counted_under_its_cause(house: House, cause: Cause, accident: dict[str, int]) -> None:
    """What the stream left out, came late or counted twice."""
    house.world.serve(**accident)
    house.world.fill_lake()
    house.checks().check()
    assert house.value("spot_mismatched_total", cause=cause) > 0
    assert house.value("spot_mismatched_total", cause="plan") == 0
    assert house.value("spot_checks_total", outcome="mismatched") == 1


def test_a_check_that_fails_is_counted_and_the_next_one_may_go_well(house: House) -> None:
    """Whatever was wrong; the time of the last good one tells the alert."""
    house.world.serve()
    house.world.fill_lake()
    broken = True

    def prove(sample: KeySample) -> VerifyReport:
        house.clock.at_us += 1_000_000
        if broken:
            raise LakeCorruptError("a file", "is cut short")
        return house.prove(sample)

    checks = house.checks(prove=prove)
    checks.check()
    assert house.value("spot_checks_total", outcome="failed") == 1
    assert house.value("last_spot_check_timestamp_seconds") == START_US / 1e6
    broken = False
    checks.check()
    assert house.value("spot_checks_total", outcome="proven") == 1
    assert house.value("last_spot_check_timestamp_seconds") == START_US / 1e6 + 2


class Waits(threading.Event):
    """A stop that is told how long it is waited for, and comes after some waits."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._n = n

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return len(self.waits) > self._n


@pytest.mark.parametrize(("took_s", "rest_s"), [(0.0, 600.0), (2.0, 598.0), (400.0, REST * 400.0)])
def test_checks_take_a_tenth_of_a_core_at_most(house: House, took_s: float, rest_s: float) -> None:
    """They come at an interval; where one takes long, the rest after it grows with it."""
    house.took_s = took_s
    stop = Waits(2)
    house.checks().run(stop)
    assert stop.waits == [600.0, rest_s, rest_s]
    assert house.value("spot_checks_total", outcome="nothing_checked") == 2


def counted(port: int, cause: Cause) -> float:
    """Mismatches that a monitor shows at ``/metrics``; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    except OSError:
        return 0
    wanted = ("millstream_monitor_spot_mismatched_total", {"cause": cause})
    return sum(s.value for family in families for s in family.samples if (s.name, s.labels) == wanted)


@pytest.mark.servers
def test_the_monitor_checks_beside_its_watch(tmp_path: Path, tansu: TansuServer) -> None:
    """A stream that lost an event is found out by the running process, from its lake alone."""
    port = free_port()
    settings = Settings(
        var=tmp_path / "var",
        kafka=KafkaSettings(bootstrap_servers=tansu.bootstrap_servers),
        monitor=MonitorSettings(metrics_port=port, spot_check_s=0.1, spot_check_keys=100),
    )
    plan = msgspec.structs.replace(PLAN, project="shop", transforms_sha256=sha256(b"").hexdigest())
    world = World(Path(settings.lake_url("shop")))
    world.serve(skip=27)
    world.fill_lake()
    stop = threading.Event()
    monitor = threading.Thread(target=run_monitor, args=(settings, plan), kwargs={"stop": stop})
    monitor.start()
    try:
        wait_until(lambda: counted(port, "lost") > 0, deadline_s=60)
    finally:
        stop.set()
        monitor.join(30)
    assert not monitor.is_alive()
