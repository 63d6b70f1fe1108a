"""Retention: what is dropped from the lake shows as no gap, moves no end, and what can still be proven is proven."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from features.bootstrap import ensure_births
from features.decode import Decoder
from features.kernels import open_kernel
from features.lake import Lake, LakeBatch, open_lake
from features.lake.expiry import Expired
from features.memory_store import MemoryStore
from features.state import State
from features.verify import Judge, verify
from tests.features.strategies import LOGS
from tests.features.test_verify import DAY_US, JUDGE, SOURCE, START_US, VIEW, World, event

WINDOWED = msgspec.structs.replace(VIEW, features=VIEW.features[:2])
PLACE = (LOGS[0], 0)
MINUTE_US = 60_000_000


def append(lake: Lake, first: int, values: list[bytes], kafka_us: int = START_US) -> None:
    times = [kafka_us] * len(values)
    offsets = range(first, first + len(values))
    lake.append(SOURCE, *PLACE, LakeBatch(offsets.stop, offsets, times, values, Decoder(SOURCE).decode(values, times)))


def fold(lake: Lake) -> dict[str, State]:
    kernel = open_kernel(WINDOWED, SOURCE)
    states: dict[str, State] = {}
    rows = lake.read(SOURCE)
    decoded = Decoder(SOURCE).decode(rows.column("value").to_pylist(), rows.column("kafka_us").to_pylist())
    for offset, at_us, columns in zip(
        rows.column("offset").to_pylist(), decoded.event_us, decoded.columns, strict=True
    ):
        assert columns is not None
        kernel.apply(states.setdefault(str(columns[0]), kernel.new_state()), PLACE, offset, at_us, columns)
    return states


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60 * 24 * 40)), min_size=1, max_size=6), min_size=1),
    st.integers(0, 60 * 24 * 40),
)
@settings(max_examples=40)
def test_windows_above_a_retention_are_what_they_were(batches: list[list[tuple[int, int]]], cut: int) -> None:
    """Whatever files there are: at and after an instant a window behind the cut, all values are the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        lake, first = open_lake(folder), 0
        for batch in batches:
            append(lake, first, [event(device, minute, 1.5) for device, minute in batch])
            first += len(batch)
        before, end = fold(lake), lake.end("readings", *PLACE)
        before_us = START_US + cut * MINUTE_US
        dropped = lake.expire("readings", before_us)
        assert lake.end("readings", *PLACE) == end
        assert lake.gaps("readings") == lake.check("readings", source=SOURCE) == []
        assert lake.read(SOURCE, valid_only=False).num_rows == first - dropped.rows
        assert lake.expire("readings", before_us) == Expired()
        after, kernel = fold(lake), open_kernel(WINDOWED, SOURCE)
        for device, state in before.items():
            at_us = max(before_us, state.newest_us or 0) + 11 * DAY_US
            assert kernel.finish(after.get(device, kernel.new_state()), at_us) == kernel.finish(state, at_us)


async def test_what_can_still_be_proven_is_proven(tmp_path: Path) -> None:
    """Scores that look back on what was dropped are counted apart; births and their cuts are as ever."""
    world = World(tmp_path, WINDOWED)
    world.values = [event(i * 7 % 20, 180 * i, i / 4) for i in range(400)]
    world.serve()
    judge = Judge(world.plan, {}, JUDGE.policy)
    values, world.values = world.values, []
    world.fill_lake()
    for first in range(0, 400, 50):
        append(world.lake, first, values[first : first + 50])
    before = verify(world.lake, judge)
    assert (before.proven, before.expired) == (True, 0)
    assert world.lake.expire("readings", START_US + 180 * 120 * MINUTE_US) == Expired(2, 100)
    assert world.lake.dropped_until_us("readings") == START_US + 180 * 99 * MINUTE_US
    after = verify(world.lake, judge)
    assert after.proven
    assert after.expired > 10
    assert after.checked == before.checked - after.expired > 10
    store = MemoryStore()
    await store.connect()
    (made,) = await ensure_births(store, world.lake, world.plan)
    assert made.birth.cut == {LOGS[0]: {0: 400}}
