"""Why a recorded vector differs from what the lake proves: tries each simple accident, to see which explains it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from features.errors import RequestError
from features.lake import Finding as LakeFinding
from features.nouns import ScoreRecord
from features.plan import Plan, ViewPlan
from features.refold import ROW, fold_rows, join_records, reading_of
from features.vector import Assembler, ViewValues

Cause: TypeAlias = Literal["plan", "late", "duplicate", "lost", "changed", "erased", "arithmetic", "unexamined"]
"""What a mismatch is put down to; ``arithmetic`` where no accident of the events explains it."""

NEWEST_EVENTS = 200
"""How many of an entity's newest events are tried, one by one."""

ROWS = 4_000_000
"""How many rows are folded for that; each event tried folds all of the entity's twice."""

_OF_PROBLEM: dict[str, Cause] = {
    "gap": "lost",
    "lost": "lost",
    "doubled": "duplicate",
    "out_of_order": "changed",
    "misplaced": "changed",
    "conflict": "changed",
    "altered": "changed",
}


class Finding(NamedTuple):
    """A cause, and the evidence in words."""

    cause: Cause
    detail: str


class _Variant(NamedTuple):
    finding: Finding
    rows: pa.Table


def attribute(
    record: ScoreRecord,
    proven: Mapping[str, ViewValues],
    assembler: Assembler,
    events: Mapping[str, pa.Table],
    plan: Plan,
    faults: Sequence[LakeFinding],
) -> Finding:
    """Name the cause of one mismatch.

    Parameters
    ----------
    record
        What was served, and differs.
    proven
        What the lake gives for each view.
    assembler
        Of the record's service and model.
    events
        Valid events of each view, from the lake.
    plan
        The plan that the record was made by.
    faults
        What is wrong with the lake itself.

    Returns
    -------
    Finding
        ``changed``, ``lost`` or ``duplicate`` where the lake is at fault below the record's positions; else
        ``lost``, ``late`` or ``duplicate`` where leaving out or doubling one event gives the recorded vector;
        else ``arithmetic``.

    """
    for view in assembler.views:
        fault = _fault_below(record, view, faults)
        if fault is not None:
            return fault
    for view in assembler.views:
        source = plan.source_of(view)
        variants = list(_variants(join_records([record], view, events[view.name]).combine_chunks()))
        if not variants:
            continue
        rows = pa.concat_tables(
            variant.rows.set_column(0, ROW.name, pa.array(np.full(variant.rows.num_rows, i)))
            for i, variant in enumerate(variants)
        )
        as_of_us = np.full(len(variants), record.as_of_us, np.int64)
        folded = fold_rows(rows, np.arange(len(variants)), as_of_us, view, source)
        for i, variant in enumerate(variants):
            try:
                vector = assembler.assemble(record.as_of_us, {**proven, view.name: folded.row(i)}, record.request)
            except RequestError:
                continue  # the model's policy would have refused it
            if same_bits(record.vector, vector.values):
                return variant.finding
    return Finding("arithmetic", "no event left out, counted twice or changed explains it")


def same_bits(recorded: Sequence[float | None], proven: Sequence[float]) -> bool:
    """Whether two vectors agree in every bit; null in a record is NaN in a vector.

    Examples
    --------
    >>> same_bits([1.0, None], [1.0, float("nan")]), same_bits([0.0], [-0.0])
    (True, False)

    """
    return len(recorded) == len(proven) and first_difference(recorded, proven) is None


def first_difference(recorded: Sequence[float | None], proven: Sequence[float]) -> int | None:
    """Place of the first value that differs in any bit; None where none does."""
    for i, (theirs, ours) in enumerate(zip(recorded, proven, strict=True)):
        if bits(theirs) != bits(ours):
            return i
    return None


def bits(value: float | None) -> bytes | None:
    """The eight bytes of a double; None for null and for NaN, which stand for each other."""
    if value is None or value != value:
        return None
    return struct.pack("<d", value)


def _variants(rows: pa.Table) -> Iterator[_Variant]:
    """The record's events with one left out, and with one counted twice, newest first."""
    events = list(
        zip(*(rows.column(name).to_pylist() for name in ("log", "partition", "offset", "event_us")), strict=True)
    )
    tried = min(NEWEST_EVENTS, ROWS // (2 * max(1, len(events))))
    for i in range(len(events) - 1, max(-1, len(events) - 1 - tried), -1):
        log, partition, offset, event_us = events[i]
        where = f"the event at {log}/{partition}/{offset}"
        late = any(other[:2] == (log, partition) and other[3] > event_us for other in events[:i])
        without = pa.concat_tables([rows.slice(0, i), rows.slice(i + 1)])
        yield _Variant(
            Finding("late", f"{where} came late and was left out")
            if late
            else Finding("lost", f"{where} was left out"),
            without,
        )
        yield _Variant(Finding("duplicate", f"{where} was counted twice"), pa.concat_tables([rows, rows.slice(i, 1)]))


def _fault_below(record: ScoreRecord, view: ViewPlan, faults: Sequence[LakeFinding]) -> Finding | None:
    """The fault of the lake at or below the positions that the record stands on, if there is one."""
    reading = reading_of(record, view.name)
    last = {(log, partition): offset for log, partition, offset in (reading.positions if reading else ())}
    for fault in faults:
        if fault.topic in view.topics and fault.first <= last.get((fault.log, fault.partition), -1):
            return Finding(_OF_PROBLEM[fault.problem], f"the lake is at fault: {fault}")
    return None
