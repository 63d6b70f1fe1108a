"""Records find their watch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from features.clock import FrozenClock
from features.errors import BundleCorruptError
from features.settings import MonitorSettings
from monitoring.reference import Reference
from monitoring.reference_shelf import Serving
from monitoring.scores_topic import ScoreMessage
from monitoring.watches import RETIRE_US, RETRY_US, Watches
from tests.monitoring.scores import MODEL, NAMES, draw, messages, record


class Bookcase:
    """References in memory."""

    def __init__(self) -> None:
        self.by_version: dict[str, Reference] = {}
        self.served = "1"
        self.corrupt = False
        self.asked = 0

    def serving(self, model: str) -> list[Serving]:
        """The version that a test lets serve."""
        return [Serving(self.served, self.served, "d")]

    def find(self, model: str, version: str) -> Reference | None:
        """What a test put there."""
        self.asked += 1
        if self.corrupt:
            raise BundleCorruptError("reference.parquet", "does not read")
        return self.by_version.get(version)


@pytest.fixture
def rng() -> np.random.Generator:
    """A source of rows."""
    return np.random.default_rng(0)


@pytest.fixture
def bookcase(rng: np.random.Generator) -> Bookcase:
    """Version 1 was trained on `draw`, version 2 on something else."""
    case = Bookcase()
    case.by_version = {"1": Reference(NAMES, draw(rng, 5_000)), "2": Reference(NAMES, draw(rng, 5_000) * 3.0 + 1_000.0)}
    return case


@pytest.fixture
def clock() -> FrozenClock:
    """Processing time stands still."""
    return FrozenClock(10_000_000_000)


@pytest.fixture
def watches(bookcase: Bookcase, clock: FrozenClock) -> Watches:
    """No watch is open yet."""
    return Watches(references=bookcase, settings=MonitorSettings(), clock=clock)


def one(values: bytes | None, offset: int = 0) -> Iterator[ScoreMessage]:
    """A single message."""
    yield ScoreMessage(0, offset, values)


def test_versions_are_watched_apart(watches: Watches, rng: np.random.Generator) -> None:
    """The same records are as ever for one version and far off for the other."""
    rows = draw(rng, 2_000)
    list(watches.take(messages(rows, version="1")))
    list(watches.take(messages(rows, version="2")))
    alarms = {judged.watch.version: judged.verdict.alarms for judged in watches.flush()}
    assert alarms["1"] == []
    assert {alarm.feature for alarm in alarms["2"]} == set(NAMES)
    assert (watches.seen, watches.records[MODEL], watches.windows) == (4_000, 4_000, 2)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"model":"churn"}', b"\xff\xfe"])
def test_what_is_no_record_is_counted_and_stops_nothing(
    watches: Watches, rng: np.random.Generator, value: bytes | None
) -> None:
    """Anyone may produce to a topic."""
    list(watches.take(one(value)))
    list(watches.take(messages(draw(rng, 100))))
    assert watches.skipped == {"not_decodable": 1}
    assert (watches.seen, len(list(watches.flush()))) == (101, 1)


def test_a_record_of_other_features_is_counted_apart(watches: Watches, rng: np.random.Generator) -> None:
    """Its values would stand in other features' columns."""
    row = draw(rng, 1)[0]
    list(watches.take(one(record(row).replace(b"v:normal", b"v:other"))))
    assert watches.skipped == {"other_features": 1}


def test_a_version_without_reference_is_asked_for_again_after_a_minute(
    watches: Watches, bookcase: Bookcase, clock: FrozenClock, rng: np.random.Generator
) -> None:
    """A record may come before its bundle; a thousand records are not a thousand looks at the disk."""
    late = bookcase.by_version.pop("2")
    list(watches.take(messages(draw(rng, 50), version="2")))
    assert (watches.skipped, bookcase.asked) == ({"no_reference": 50}, 1)
    bookcase.by_version["2"] = late
    clock.at_us += RETRY_US
    list(watches.take(messages(draw(rng, 50), version="2")))
    assert (watches.skipped, watches.records[MODEL]) == ({"no_reference": 50}, 50)


def test_a_corrupt_reference_is_counted_and_stops_nothing(
    watches: Watches, bookcase: Bookcase, rng: np.random.Generator
) -> None:
    """Its model is not watched, the others are."""
    bookcase.corrupt = True
    list(watches.take(messages(draw(rng, 3), version="2")))
    bookcase.corrupt = False
    list(watches.take(messages(draw(rng, 3), version="1")))
    assert (watches.skipped["no_reference"], watches.records[MODEL]) == (3, 3)


def test_a_restart_reads_open_windows_again(watches: Watches, rng: np.random.Generator) -> None:
    """Offsets stay at the first record that no judged window holds, and move on once one is judged."""
    list(watches.take(messages(draw(rng, 100), partitions=2)))
    assert watches.restart_offsets({0: 50, 1: 50, 2: 9}) == {0: 0, 1: 0, 2: 9}
    assert len(list(watches.flush())) == 1
    assert watches.restart_offsets({0: 50, 1: 50, 2: 9}) == {0: 50, 1: 50, 2: 9}


def test_only_full_windows_are_settled(watches: Watches, rng: np.random.Generator) -> None:
    """In a quiet moment a full window is judged; one that is not goes on filling."""
    list(watches.take(messages(draw(rng, 1_999))))
    assert list(watches.settle()) == []
    list(watches.take(messages(draw(rng, 1))))
    assert len(list(watches.settle())) == 1
    assert list(watches.settle()) == []


def test_a_replaced_version_is_retired_once_it_is_quiet(
    watches: Watches, bookcase: Bookcase, clock: FrozenClock, rng: np.random.Generator
) -> None:
    """The champion stays however quiet, and a version that is still heard of stays too."""
    for version in ("1", "2"):
        list(watches.take(messages(draw(rng, 5), version=version)))
    bookcase.served = "2"
    assert watches.retire() == []
    clock.at_us += RETIRE_US + 1
    assert [watch.version for watch in watches.retire()] == ["1"]
    assert [watch.version for watch in watches.open] == ["2"]
