"""A view of two topics is the view that one topic with all of their events would give: online, offline, and proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.backfill import backfill
from features.bootstrap import bootstrap_view, fold_lake
from features.decode import Decoder
from features.feast_layout import entity_key
from features.kernels import open_kernel
from features.lake import Lake, LakeBatch, open_lake
from features.memory_store import MemoryStore
from features.nouns import Knowledge
from features.plan import AggregatePlan, ColumnPlan, DerivedPlan, EntityKeyPlan, MaskPlan, Plan, SourcePlan, ViewPlan
from features.repair import repair_entity
from features.view_events import read_events
from tests.features.strategies import FUNCTIONS, LOGS, WINDOWS, features_of
from tests.features.test_backfill import cells

MASK = MaskPlan(column="level", where="good")
ONE = SourcePlan(
    topic="readings",
    timestamp_column="at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="device", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="level", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="label", type="string", nullable=True),
        ColumnPlan(name="good", type="bool", nullable=True),
    ),
    masks=(MASK,),
)
OTHER = SourcePlan(
    topic="probes",
    timestamp_column="probed_at",
    max_ahead_us=5,
    columns=(
        ColumnPlan(name="label", type="string", nullable=True),
        ColumnPlan(name="probe", type="int64", nullable=False, decimals=0),
        ColumnPlan(name="probed_at", type="timestamp", nullable=False),
        ColumnPlan(name="device", type="string", nullable=False),
        ColumnPlan(name="grade", type="int64", nullable=True, decimals=0),
        ColumnPlan(name="level", type="float64", nullable=True, decimals=2),
    ),
    derived=(DerivedPlan(name="good", type="bool", nullable=True, function="is_good", parameters=("grade",)),),
    functions="def is_good(grade):\n    return None if grade is None else grade > 0\n",
    masks=(MASK, MaskPlan(column="probe", where="good")),
)
"""Other columns in another order, the shared ones among them; what one sends the other derives."""

VIEW = ViewPlan(
    name="levels",
    topic="readings",
    keys=(EntityKeyPlan(name="device", type="string"),),
    features=(
        *(feature for function in FUNCTIONS for feature in features_of(function, "level", WINDOWS)),
        AggregatePlan(name="labels", function="count_distinct", column="label"),
        AggregatePlan(name="good_60", function="sum", column=MASK.name, window_us=60, hop_us=10),
        AggregatePlan(name="good_mean", function="mean", column=MASK.name),
    ),
    ttl_us=0,
    hash="00112233445566ff",
)
BOTH = msgspec.structs.replace(VIEW, further_topics=("probes",))


def plan_of(view: ViewPlan, *sources: SourcePlan) -> Plan:
    return Plan(project="plant", sources=sources, views=(view,), request_features=(), services=(), transforms_sha256="")


class Sent(msgspec.Struct):
    """One event, and when it came; ``place`` says to which partition of which log."""

    place: int
    device: str
    at_us: int
    late_us: int
    level: float | None
    label: str | None
    grade: int | None


PLACES = [(log, partition) for log in LOGS for partition in (0, 1)]
events_sent = st.lists(
    st.builds(
        Sent,
        place=st.integers(0, len(PLACES) - 1),
        device=st.sampled_from(["a", "b"]),
        at_us=st.integers(0, 300),
        late_us=st.integers(0, 150),
        level=st.one_of(st.none(), st.integers(-100, 100).map(float)),
        label=st.sampled_from([None, "x", "y"]),
        grade=st.sampled_from([None, -1, 1]),
    ),
    max_size=30,
)


def fill(lake: Lake, sent: Sequence[Sent], sources: Sequence[SourcePlan]) -> None:
    """The first log is the first topic's, the second the last one's."""
    for i, (log, partition) in enumerate(PLACES):
        source = sources[-1 if log == LOGS[1] else 0]
        mine = [event for event in sent if event.place == i]
        values = [value_of(event) for event in mine]
        arrived_us = [event.at_us + event.late_us for event in mine]
        decoded = Decoder(source).decode(values, arrived_us)
        assert not decoded.reasons
        lake.append(source, log, partition, LakeBatch(len(mine), range(len(mine)), arrived_us, values, decoded))


def value_of(event: Sent) -> bytes:
    """Fields of both topics; each declares its own."""
    at = f"1970-01-01T00:00:00.{event.at_us:06d}Z"
    good = None if event.grade is None else event.grade > 0
    own = {"device": event.device, "level": event.level, "label": event.label}
    return msgspec.json.encode({**own, "at": at, "probed_at": at, "probe": 7, "grade": event.grade, "good": good})


def lakes(sent: Sequence[Sent]) -> Iterator[tuple[Plan, ViewPlan, Lake]]:
    """The same events over one topic and over two."""
    for view, sources in ((VIEW, (ONE,)), (BOTH, (ONE, OTHER))):
        with TemporaryDirectory() as folder:
            lake = open_lake(folder)
            fill(lake, sent, sources)
            yield plan_of(view, *sources), view, lake


@given(events_sent)
@settings(max_examples=15)
def test_states_are_those_of_one_topic(sent: list[Sent]) -> None:
    """Byte for byte, ties and filtered columns among them."""
    folded = []
    for plan, view, lake in lakes(sent):
        states, n_events = fold_lake(read_events(lake, plan, view), view, plan.source_of(view), "plant")
        assert n_events == len(sent)
        kernel = open_kernel(view, plan.source_of(view))
        folded.append({key: kernel.encode(state) for key, state in states.items()})
    assert folded[0] == folded[1]


@pytest.mark.parametrize("knowledge", ["as_true", "as_known"])
@given(sent=events_sent, at_us=st.lists(st.integers(0, 450), min_size=1, max_size=5))
@settings(max_examples=10)
def test_history_is_that_of_one_topic(knowledge: Knowledge, sent: list[Sent], at_us: list[int]) -> None:
    """Every cell, bit for bit, of all events and of those that had arrived."""
    found: list[Any] = []
    for plan, view, lake in lakes(sent):
        events = read_events(lake, plan, view)
        devices = np.array(["a", "b", "nobody"] * len(at_us), object)
        columns = backfill(
            view, plan.source_of(view), events, {"device": devices}, np.repeat(np.array(at_us), 3), knowledge
        )
        found.append((cells(columns), columns.newest_us.tolist()))
    assert found[0] == found[1]


async def test_a_birth_holds_both_topics_and_is_repaired_from_both(tmp_path: Path) -> None:
    """Its cut names both logs, which are adopted under their own topics; what is repaired is what was born."""
    sent = [Sent(i % 4, "ab"[i % 2], 7 * i, 0, float(i), "x", 1) for i in range(40)]
    lake, plan = open_lake(str(tmp_path)), plan_of(BOTH, ONE, OTHER)
    fill(lake, sent, (ONE, OTHER))
    store = MemoryStore()
    await store.connect()
    made = await bootstrap_view(store, lake, plan, BOTH)
    assert made.n_events == 40
    assert made.birth.cut == {log: {0: 10, 1: 10} for log in LOGS}
    adopted = {(log.topic, log.log) for log in (await store.read_certificate()).logs}
    assert adopted == {("readings", LOGS[0]), ("probes", LOGS[1])}
    key = entity_key("plant", BOTH.keys, ["a"])
    (born,) = await store.read_states(BOTH.name, made.birth.id, [key])
    assert await repair_entity(store, lake, plan, BOTH.name, {"device": "a"})
    (repaired,) = await store.read_states(BOTH.name, made.birth.id, [key])
    states, _ = fold_lake(read_events(lake, plan, BOTH), BOTH, plan.source_of(BOTH), "plant")
    states[key].repair = 1
    assert repaired == open_kernel(BOTH, plan.source_of(BOTH)).encode(states[key]) != born
