"""The loop, over a topic in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from features.clock import FrozenClock
from features.errors import BrokerUnavailableError
from features.settings import MonitorSettings
from monitoring.metrics import MonitorMetrics
from monitoring.reference_shelf import ReferenceShelf
from monitoring.report_desk import ReportDesk
from monitoring.scores_topic import ScoreMessage
from monitoring.watcher import ALIVE_US, RETRY_S, SETTLE_US, SILENCE_US, Watcher
from monitoring.watches import RETIRE_US, Watches
from tests.monitoring.scores import draw, messages, write_bundle


class ShelfOfRecords:
    """A topic: gives what it has, moves the clock with each read, stops the loop when told to."""

    def __init__(self, records: Iterator[ScoreMessage], clock: FrozenClock, stop: threading.Event) -> None:
        self.records = list(records)
        self.position = 0
        self.offsets = {0: 0}
        self.committed: dict[int, int] = {}
        self.clock = clock
        self.stop = stop
        self.step_us = 1_000_000
        self.stop_after = 20
        self.away = 0
        self.end = True

    @property
    def at_end(self) -> bool:
        """Whether all has been read."""
        return self.end and self.position == len(self.records)

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """After the last record read."""
        return self.offsets

    @property
    def lag(self) -> int:
        """Records not yet read."""
        return len(self.records) - self.position

    def include_new_partitions(self) -> None:
        """Raise while away."""
        if self.away:
            self.away -= 1
            raise BrokerUnavailableError("kafka", "is away")

    def read(self, timeout_s: float) -> list[ScoreMessage]:
        """Up to 500 records."""
        self.clock.at_us += self.step_us
        self.stop_after -= 1
        if not self.stop_after:
            self.stop.set()
        chunk = self.records[self.position : self.position + 500]
        self.position += len(chunk)
        self.offsets = {0: self.position}
        return chunk

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Note them."""
        self.committed |= offsets


class House:
    """A watcher and all that it works with."""

    def __init__(self, folder: Path, records: Iterator[ScoreMessage]) -> None:
        self.clock = FrozenClock(10_000_000_000)
        self.stop = threading.Event()
        self.topic = ShelfOfRecords(records, self.clock, self.stop)
        self.models = folder / "models"
        if not self.models.exists():
            write_bundle(self.models, draw(np.random.default_rng(0), 5_000))
        self.metrics = MonitorMetrics(folder / "reports")
        self.watches = Watches(references=ReferenceShelf(self.models), settings=MonitorSettings(), clock=self.clock)
        desk = ReportDesk(folder / "reports", watches=self.watches, clock=self.clock, save_page=lambda *_, **__: None)
        self.watcher = Watcher(watches=self.watches, desk=desk, metrics=self.metrics, clock=self.clock)

    def sample(self, name: str, **labels: str) -> float | None:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(f"millstream_monitor_{name}", labels)


def shifted(n_rows: int, shift: float = 2.5) -> Iterator[ScoreMessage]:
    """Traffic in which one feature has moved by half a σ."""
    rows = draw(np.random.default_rng(1), n_rows)
    rows[:, 0] += shift
    return messages(rows, partitions=1)


def test_once_reads_all_and_judges_what_is_left(tmp_path: Path) -> None:
    """From beginning to end, the last window too; no offset is committed."""
    house = House(tmp_path, shifted(3_000))
    house.watcher.read_all(house.topic)
    report = house.watcher.finish()
    assert (report.records, report.windows, house.topic.committed) == (3_000, 2, {})
    assert {alarm.feature for alarm in report.alarms} == {"v:normal"}


def test_once_gives_up_on_a_broker_that_says_nothing(tmp_path: Path) -> None:
    """A topic that is not at its end and gives nothing for half a minute."""
    house = House(tmp_path, iter(()))
    house.topic.end = False
    house.topic.stop_after = 0
    with pytest.raises(BrokerUnavailableError, match="do not come"):
        house.watcher.read_all(house.topic)
    assert house.clock.at_us > 10_000_000_000 + SILENCE_US


def test_the_metrics_tell_the_drift(tmp_path: Path) -> None:
    """The gauge of the feature that moved is 1, those of the others 0; records, windows, lag and times are there."""
    house = House(tmp_path, shifted(2_100))
    house.watcher.run(house.topic, house.stop)
    model = {"model": "churn", "version": "1"}
    moved = {**model, "feature": "v:normal", "kind": "distribution"}
    assert house.sample("drifting", **moved) == 1
    assert house.sample("alarms_total", **moved) == 1
    assert house.sample("drift_effect_size", **moved) == pytest.approx(0.197, abs=0.05)
    assert house.sample("drifting", **model, feature="v:skewed", kind="distribution") == 0
    assert house.sample("alarms_total", **model, feature="v:skewed", kind="nulls") == 0
    assert house.sample("records_total", model="churn") == 2_100
    assert house.sample("windows_total", **model) == 1
    assert (house.sample("lag_records"), house.sample("ready")) == (0, 1)
    assert house.sample("last_report_timestamp_seconds") == house.clock.at_us / 1e6
    assert house.sample("last_window_timestamp_seconds", **model) is not None


def test_a_stop_leaves_the_open_window_to_the_next_process(tmp_path: Path) -> None:
    """2,500 records: one window judged at 2,064, the rest is read again from where it begins."""
    house = House(tmp_path, shifted(2_500))
    report = house.watcher.run(house.topic, house.stop)
    assert (report.windows, report.records) == (1, 2_500)
    assert house.topic.committed == {0: 2_064}


def test_a_full_window_is_judged_when_nothing_more_comes(tmp_path: Path) -> None:
    """A batch that just fills a window does not wait for the next batch, a month later."""
    house = House(tmp_path, shifted(2_000))
    house.topic.stop_after = 4 + SETTLE_US // house.topic.step_us + 3
    house.watcher.run(house.topic, house.stop)
    assert house.watches.windows == 1


def test_a_broker_that_is_away_makes_it_unready_and_is_tried_again(tmp_path: Path) -> None:
    """Alive all the time; ready once the broker answers."""
    house = House(tmp_path, shifted(100))
    house.topic.away = 1
    thread = threading.Thread(target=house.watcher.run, args=(house.topic, house.stop))
    states = [(house.watcher.is_alive(), house.watcher.is_ready())]
    thread.start()
    thread.join(10 * RETRY_S)
    states.append((house.watcher.is_alive(), house.watcher.is_ready()))
    assert states == [(True, False), (True, True)]
    assert house.sample("records_total", model="churn") == 100


def test_a_loop_that_stands_still_is_not_alive(tmp_path: Path) -> None:
    """A supervisor restarts it."""
    house = House(tmp_path, iter(()))
    house.clock.at_us += ALIVE_US
    assert not house.watcher.is_alive()
    assert not house.watcher.is_ready()


def test_a_replaced_version_takes_its_alarms_along(tmp_path: Path) -> None:
    """A new champion: the old one's drift stands in no gauge and no report any more."""
    house = House(tmp_path, shifted(2_100))
    house.watcher.run(house.topic, house.stop)
    labels = {"model": "churn", "version": "1", "feature": "v:normal", "kind": "distribution"}
    assert house.sample("drifting", **labels) == 1
    write_bundle(house.models, draw(np.random.default_rng(2), 5_000), version="2")
    house.clock.at_us += RETIRE_US
    house.stop.clear()
    house.topic.stop_after = 3
    report = house.watcher.run(house.topic, house.stop)
    assert house.sample("drifting", **labels) is None
    assert report.alarms == ()
