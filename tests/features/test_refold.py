"""Folding the lake again for records: what each alone gives, all give together."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.refold import ROW, fold_records, join_records
from features.verify import verify
from tests.features.test_verify import DAY_US, JUDGE, SOURCE, VIEW, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Every device scored at several instants from its last state, beside the scores on the way there."""
    world = World(tmp_path)
    world.serve()
    for device, state in world.states.items():
        for days in (1, 3, 12):
            world.ask(device, (state.newest_us or 0) + days * DAY_US)
    world.fill_lake()
    return world


def test_records_that_stand_on_the_same_events_are_folded_as_each_alone(world: World) -> None:
    """Whatever their instants: values and newest event times are those of a fold of that record by itself."""
    events = world.lake.read(SOURCE)
    together = fold_records(world.records, VIEW, SOURCE, events)
    for i, record in enumerate(world.records):
        assert together.row(i) == fold_records([record], VIEW, SOURCE, events).row(0)
    assert len({row.values for row in map(together.row, range(len(world.records)))}) > 60
    report = verify(world.lake, JUDGE)
    assert (report.checked, report.mismatched) == (len(world.records), 0)


def test_no_record_at_all_is_folded_to_nothing(world: World) -> None:
    """A view of no records has no rows."""
    assert fold_records([], VIEW, SOURCE, world.lake.read(SOURCE)).values == []


def test_the_join_carries_what_the_view_reads_and_no_raw_records(world: World) -> None:
    """Order, time, and the columns that are aggregated; each event once a record, at or below its positions."""
    record = world.records[-1]
    joined = join_records([record, record], VIEW, world.lake.read(SOURCE))
    assert joined.column_names == [ROW.name, "log", "partition", "offset", "event_us", "level"]
    own = [i for i, value in enumerate(world.values) if f'"{record.entity["device"]}"'.encode() in value]
    assert joined.column("offset").to_pylist() == own + own
