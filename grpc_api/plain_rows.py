"""Batches read where they lie, by compiled code where it was built: of plain rows, which most are, no message is made.

A plain row holds an entity of one key or a vector of values alone, an id perhaps, and nothing that is to be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from features.compiled import WhereBuilt
from features.nouns import KeyValue
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.entity import KIND, EntityKeys

PlainRow: TypeAlias = tuple[KeyValue | None, list[float] | None, str]
"""The value of the key, or those of the vector; and the id, empty where the row has none."""

TakeRows: TypeAlias = Callable[[int], Sequence[PlainRow | None]]
"""The next rows of a batch, so many; None for each that is not plain."""

FAR_KEYS: Final = frozenset({"string", "int64"})
"""Types of keys that hold whatever a message does."""


def none_plain(_data: bytes) -> TakeRows:
    """What reads a batch where all rows are messages."""
    return lambda n: [None] * n


def open_plain_rows(keys: EntityKeys, n_values: int) -> Callable[[bytes], TakeRows]:
    """What reads batches for a model with these keys and so many inputs, which protobuf has read without an error."""
    if len(keys.types) != 1:
        return none_plain
    ((name, kind),) = keys.types.items()
    if kind not in FAR_KEYS:
        return none_plain
    with WhereBuilt():
        from features.compiled.plain_rows import RowReader, RowShape

        row = {field.name: field.number for field in pb.BatchRow.DESCRIPTOR.fields}
        shape = RowShape(
            rows=pb.ScoreBatchRequest.DESCRIPTOR.fields_by_name["rows"].number,
            entity=row["entity"],
            request_id=row["request_id"],
            vector=row["vector"],
            kind=pb.Value.DESCRIPTOR.fields_by_name[KIND[kind]].number,
            is_text=kind == "string",
            values=pb.Vector.DESCRIPTOR.fields_by_name["values"].number,
            name=name.encode(),
            n_values=n_values,
        )
        return lambda data: RowReader(shape, data).take
    return none_plain
