"""The score records of the lake: all of them, or those of a sample of entities."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec
import pyarrow as pa

from features.errors import LakeCorruptError
from features.key_sample import KeySample
from features.lake import Lake
from features.nouns import SCORES_SOURCE, KeyValue, ScoreRecord, Struct

RecordT = TypeVar("RecordT", bound=Struct)

RECORDS_PER_KEY = 200
"""Newest records of each sampled entity that are taken: bounds memory where one is scored all day."""


class _Whose(Struct, frozen=True, kw_only=True):
    """As much of a score record as tells whether it is wanted."""

    source: Literal["fetched", "supplied", "defaulted"] = "fetched"
    entity: dict[str, KeyValue]


def read_records(lake: Lake) -> Iterator[ScoreRecord]:
    """All score records of the lake, in the order that they were read; LakeCorruptError at one that is none."""
    return decode_records(lake.read(SCORES_SOURCE), ScoreRecord)


def sample_records(lake: Lake, sample: KeySample) -> list[ScoreRecord]:
    """The newest records of each entity of a sample, which is drawn here; one file of the lake is in memory at a time.

    Parameters
    ----------
    lake
        Holds the records.
    sample
        Takes in the entities whose vectors were fetched.

    Returns
    -------
    list of ScoreRecord
        Of the entities that ``sample`` holds afterwards, at most `RECORDS_PER_KEY` each.

    Raises
    ------
    LakeCorruptError
        A row is no score record.

    """
    decode = msgspec.json.Decoder(_Whose).decode

    def wanted(value: bytes) -> bool:
        try:
            whose = decode(value)
        except msgspec.MsgspecError:
            return True  # and is named below
        return whose.source == "fetched" and sample.offer(whose.entity)

    def admitted(table: pa.Table) -> pa.Table:
        values: list[Any] = table.column("value").to_pylist()
        return table.filter(pa.array([value is not None and wanted(value) for value in values], pa.bool_()))

    newest: defaultdict[tuple[tuple[str, KeyValue], ...], deque[ScoreRecord]] = defaultdict(
        lambda: deque(maxlen=RECORDS_PER_KEY)
    )
    for record in decode_records(lake.read(SCORES_SOURCE, keep=admitted), ScoreRecord):
        if sample.holds(record.entity):
            newest[_key_of(record.entity)].append(record)
    return [record for records in newest.values() for record in records]


def _key_of(entity: Mapping[str, KeyValue]) -> tuple[tuple[str, KeyValue], ...]:
    return tuple(sorted(entity.items()))


def decode_records(rows: pa.Table, kind: type[RecordT]) -> Iterator[RecordT]:
    """Score records of the lake, or as much of each as ``kind`` holds; LakeCorruptError at one that is none."""
    decoder = msgspec.json.Decoder(kind)
    values: list[Any] = rows.column("value").to_pylist()
    for i, value in enumerate(values):
        try:
            yield decoder.decode(value)
        except msgspec.MsgspecError as error:
            log, partition, offset = (rows.column(name)[i].as_py() for name in ("log", "partition", "offset"))
            where = f"{SCORES_SOURCE.topic} {log}/{partition}/{offset}"
            raise LakeCorruptError(where, f"is no score record ({error})") from error
