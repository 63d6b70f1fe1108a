"""Whether the lake's rows are what they must be: each offset once, in order, whole, and as its raw value says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.decode import Decoder
from features.erasure import ERASED
from features.lake.files import Interval, LakeFile, LakeFiles, Place, coverage
from features.lake.rows import checksums, decode_anew, offsets_of

RECORD_COLUMNS = ["offset", "kafka_us", "value"]
"""What a record was when it was read."""

Problem = Literal["gap", "lost", "doubled", "out_of_order", "misplaced", "conflict", "altered"]


class Finding(NamedTuple):
    """One thing wrong with the lake; it concerns the offsets ``first`` to ``next`` - 1.

    gap
        No file covers them.
    lost
        The file covers them and had more rows when it was written; these have none.
    doubled
        A file holds the offset twice. Readers count it once.
    out_of_order
        A file holds the offset behind a higher one. Readers sort it.
    misplaced
        A file holds the offset without covering it. Readers leave it out.
    conflict
        Two files cover the offset, and their records differ (one that was erased differs from none).
    altered
        Time, columns or reason are not what the raw value decodes to, or the record is not the one that was written:
        its checksum says so.
    """

    problem: Problem
    topic: str
    log: str
    partition: int
    first: int
    next: int
    path: str | None

    def __str__(self) -> str:
        """Readable, for reports."""
        where = f"{self.topic} {self.log}/{self.partition} offsets {self.first} to {self.next - 1}"
        return f"{self.problem}: {where}" + (f" in {self.path}" if self.path else "")


def gaps_of(files: LakeFiles, place: Place, listed: list[LakeFile]) -> list[Finding]:
    """Offsets of a partition that no file covers, from the first that the lake ever held to the last."""
    if not listed:
        return []
    began = files.facts(listed[0]).began
    intervals = [Interval(began, began), *coverage(listed)] if began < listed[0].first else coverage(listed)
    return [Finding("gap", *place, one.next, other.first, None) for one, other in pairwise(intervals)]


def check_place(files: LakeFiles, place: Place, listed: list[LakeFile], decoder: Decoder | None) -> list[Finding]:
    """All findings of one partition, by offset; columns are compared where the rows follow the declaration given."""
    findings = gaps_of(files, place, listed)
    before: list[tuple[Interval, pa.Table]] = []
    for file in listed:
        facts, table = files.read(file)
        findings += [
            Finding(kind, *place, first, following, file.path)
            for kind, first, following in _inside(file, facts.rows, table)
        ]
        known = decoder if decoder is not None and facts.source == decoder.source.records_hash else None
        altered = _altered(table, known)
        findings += [Finding("altered", *place, first, following, file.path) for first, following in altered]
        before = [(interval, seen) for interval, seen in before if interval.next > file.first]
        for _, seen in before:
            findings += [
                Finding("conflict", *place, first, following, file.path) for first, following in _conflicts(seen, table)
            ]
        before.append((Interval(file.first, file.next), table))
    return sorted(findings, key=lambda finding: (finding.first, finding.problem))


def _inside(file: LakeFile, rows: int, table: pa.Table) -> list[tuple[Problem, int, int]]:
    """What is wrong with the offsets of one file."""
    offsets = offsets_of(table)
    ordered = np.unique(offsets)
    found: list[tuple[Problem, int, int]] = []
    _, counts = np.unique(offsets, return_counts=True)
    found += [("doubled", first, following) for first, following in _runs(ordered[counts > 1])]
    highest = np.maximum.accumulate(offsets) if len(offsets) else offsets
    found += [("out_of_order", first, following) for first, following in _runs(np.unique(offsets[offsets < highest]))]
    outside = ordered[(ordered < file.first) | (ordered >= file.next)]
    found += [("misplaced", first, following) for first, following in _runs(outside)]
    if len(ordered) < rows:
        missing = np.setdiff1d(np.arange(file.first, file.next), ordered)
        found += [("lost", first, following) for first, following in _runs(missing)]
    return found


def _runs(offsets: npt.NDArray[np.int64]) -> list[Interval]:
    """Ascending offsets as intervals."""
    if not len(offsets):
        return []
    pieces = np.split(offsets, np.flatnonzero(np.diff(offsets) > 1) + 1)
    return [Interval(int(piece[0]), int(piece[-1]) + 1) for piece in pieces]


def _altered(table: pa.Table, decoder: Decoder | None) -> list[Interval]:
    """Offsets of the rows that are not what was written: by their checksum and, where known, by their declaration."""
    if decoder is not None:
        return _differing(table, decode_anew(decoder, table))
    if "crc" not in table.column_names:
        return _runs(np.unique(offsets_of(table)))
    offsets, kafka_us, values = (cast("list[Any]", table.column(name).to_pylist()) for name in RECORD_COLUMNS)
    at = table.column_names.index("crc")
    return _differing(table, table.set_column(at, table.schema.field(at), checksums(offsets, kafka_us, values)))


def _conflicts(one: pa.Table, other: pa.Table) -> list[Interval]:
    """Offsets that both hold with another value or Kafka timestamp."""
    shared, at, there = np.intersect1d(offsets_of(one), offsets_of(other), return_indices=True)
    if not len(shared):
        return []
    one, other = one.take(at), other.take(there)
    reasons: list[list[Any]] = [one.column("reason").to_pylist(), other.column("reason").to_pylist()]
    kept = np.array([ERASED not in pair for pair in zip(*reasons, strict=True)], np.bool_)
    return _differing(one.filter(kept).select(RECORD_COLUMNS), other.filter(kept).select(RECORD_COLUMNS))


def _differing(one: pa.Table, other: pa.Table) -> list[Interval]:
    """Offsets of the rows, in parallel tables, that are not equal."""
    if one.equals(other):
        return []
    if one.column_names != other.column_names:
        return _runs(np.unique(offsets_of(one)))
    differ = np.zeros(len(one), np.bool_)
    for name in one.column_names:
        ours, theirs = one.column(name).to_pylist(), other.column(name).to_pylist()
        differ |= np.fromiter((a != b for a, b in zip(ours, theirs, strict=True)), np.bool_, len(one))
    return _runs(np.unique(offsets_of(one)[differ]))
