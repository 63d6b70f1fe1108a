"""The rows of the lake: what a batch of records looks like as a table, and a table as events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.decode import Decoded, Decoder
from features.erasure import ERASED
from features.plan import ColumnPlan, ColumnType, SourcePlan

LOG_TYPE = pa.dictionary(pa.int32(), pa.string())
POSITION_COLUMNS = ("log", "partition", "offset", "kafka_us", "event_us", "value", "crc", "reason", "redrive_of")

_ARROW: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int32": pa.int64(),
    "int64": pa.int64(),
    "float32": pa.float64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


class LakeBatch(NamedTuple):
    """Records of one partition, in the order of their offsets.

    The batch covers the offsets from ``first_offset`` (None: that of its first record) to ``next_offset`` - 1: a
    reader that went on from an offset without a record (a transaction's marker, a compacted key) says so there, so
    that it is not taken for a gap. ``redrives`` names, by offset, the dead letter that a record repeats.
    """

    next_offset: int
    offsets: Sequence[int]
    kafka_us: Sequence[int]
    values: Sequence[bytes | None]
    decoded: Decoded
    first_offset: int | None = None
    redrives: Mapping[int, str] = {}

    @property
    def first(self) -> int:
        """First offset covered."""
        return self.offsets[0] if self.first_offset is None else self.first_offset


def declared_name(column: str) -> str:
    """Name of a declared column in the lake's tables: its own, but for those that the position columns have."""
    return f"{column}_declared" if column in POSITION_COLUMNS else column


def arrow_type(column: ColumnPlan) -> pa.DataType:
    """Type of a declared column in the lake."""
    return _ARROW[column.type]


def columns_of(source: SourcePlan, wanted: Collection[str]) -> list[str]:
    """Columns of a file that must be read for some declared ones, in their order there."""
    masked = {name for mask in source.masks if mask.name in wanted for name in (mask.column, mask.where)}
    declared = [column.name for column in source.stored if column.name in masked or column.name in wanted]
    return ["offset", "kafka_us", "event_us", "reason", *map(declared_name, declared)]


def table_schema(source: SourcePlan, names: Sequence[str] | None = None) -> pa.Schema:
    """Columns of `Lake.read`."""
    return pa.schema([pa.field("log", LOG_TYPE), pa.field("partition", pa.int32()), *stored_schema(source, names)])


def no_events(source: SourcePlan, wanted: Collection[str]) -> pa.Table:
    """What `Lake.read` gives of no file, with these declared columns."""
    return with_masks(source, table_schema(source, columns_of(source, wanted)).empty_table(), wanted)


def to_table(source: SourcePlan, batch: LakeBatch) -> pa.Table:
    """A batch as it is stored: every record one row, refused ones with their reason and no columns."""
    reasons = batch.decoded.reasons
    n = len(batch.offsets)
    event_us: list[int] | list[int | None] = batch.decoded.event_us
    if reasons:
        event_us = [None if i in reasons else at_us for i, at_us in enumerate(event_us)]
    arrays: list[Any] = [
        pa.array(batch.offsets, pa.int64()),
        pa.array(batch.kafka_us, pa.int64()),
        pa.array(event_us, pa.int64()),
        pa.array(batch.values, pa.binary()),
        checksums(batch.offsets, batch.kafka_us, batch.values),
        pa.array([reasons.get(i) for i in range(n)], pa.string()) if reasons else pa.nulls(n, pa.string()),
        pa.array([batch.redrives.get(offset) for offset in batch.offsets], pa.string())
        if batch.redrives
        else pa.nulls(n, pa.string()),
        *_declared_arrays(source, batch.decoded),
    ]
    return pa.Table.from_arrays(arrays, schema=stored_schema(source))


def decode_anew(decoder: Decoder, table: pa.Table) -> pa.Table:
    """Decide stored rows by another declaration than the one they were stored under."""
    source, kept = decoder.source, ("offset", "kafka_us", "value")
    offsets, kafka_us, values = (cast("list[Any]", table.column(name).to_pylist()) for name in kept)
    repeated = cast("list[Any]", table.column("redrive_of").to_pylist())
    redrives = {offset: position for offset, position in zip(offsets, repeated, strict=True) if position is not None}
    decoded = decoder.decode(values, kafka_us)
    reasons: list[Any] = table.column("reason").to_pylist()
    decoded.reasons.update({i: reason for i, reason in enumerate(reasons) if reason == ERASED})
    batch = LakeBatch(0, offsets, kafka_us, values, decoded, redrives=redrives)
    return to_table(source, batch)


def place_rows(table: pa.Table, log: str, partition: int) -> pa.Table:
    """Stored rows with the partition that they are from."""
    n = len(table)
    logs = pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([log], pa.string()))
    partitions = pa.array(np.full(n, partition, np.int32))
    return table.add_column(0, "log", logs).add_column(1, "partition", partitions)


def pick_rows(table: pa.Table, begin: int, end: int) -> pa.Table:
    """Rows of these offsets, ascending, each offset once (the first row of it in the file)."""
    offsets = offsets_of(table)
    if len(offsets) > 1 and not (offsets[1:] > offsets[:-1]).all():
        _, firsts = np.unique(offsets, return_index=True)
        table, offsets = table.take(firsts), offsets[firsts]
    low, high = np.searchsorted(offsets, [begin, end]).tolist()
    return table.slice(low, max(high - low, 0))


def with_masks(source: SourcePlan, table: pa.Table, wanted: Collection[str] | None = None) -> pa.Table:
    """Stored rows and the masked columns of a plan, those wanted or all, which no file holds."""
    for mask in source.masks:
        if wanted is not None and mask.name not in wanted:
            continue
        values, counts = (table.column(declared_name(name)) for name in (mask.column, mask.where))
        table = table.append_column(mask.name, pc.if_else(counts, values, pa.scalar(None, values.type)))
    return table


def offsets_of(table: pa.Table) -> npt.NDArray[np.int64]:
    """The offset column."""
    offsets: npt.NDArray[np.int64] = table.column("offset").to_numpy()
    return offsets


def stored_schema(source: SourcePlan, names: Sequence[str] | None = None) -> pa.Schema:
    """Columns of a file; those named, or all."""
    fields: list[pa.Field[Any]] = [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("kafka_us", pa.int64(), nullable=False),
        pa.field("event_us", pa.int64()),
        pa.field("value", pa.binary()),
        pa.field("crc", pa.uint32(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("redrive_of", pa.string()),
        *(pa.field(declared_name(column.name), arrow_type(column)) for column in source.stored),
    ]
    return pa.schema([field for field in fields if names is None or field.name in names])


def checksums(offsets: Sequence[int], kafka_us: Sequence[int], values: Sequence[bytes | None]) -> pa.Array[Any]:
    """CRC-32 of each record as it was read, so that one that was changed afterwards, raw value and all, shows."""
    seeds = (np.array(offsets, np.int64) ^ np.array(kafka_us, np.int64)) & 0xFFFFFFFF
    whole = [value or b"" for value in values]
    return pa.array(list(map(crc32, whole, seeds.tolist())), pa.uint32())


def _declared_arrays(source: SourcePlan, decoded: Decoded) -> list[Any]:
    """Columns as they were sent, and derived."""
    rows: list[Any] = decoded.raw
    if decoded.reasons:
        blank = (None,) * len(source.stored)
        rows = [blank if row is None else row for row in rows]
    return [pa.array(list(map(itemgetter(i), rows)), arrow_type(column)) for i, column in enumerate(source.stored)]
