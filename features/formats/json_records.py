"""JSON objects, by the struct that msgspec compiles from the declared schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from features.formats.confluent_wire import json_body
from features.formats.record import Reason, parse_each, plain_kind, record_type
from features.plan import ColumnPlan, SourcePlan
from features.quantise import integer_bounds

MAX_DEPTH = 200
"""Deeper nesting is refused: the parser's own limit depends on how deep its caller's stack is."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")


class JsonParser:
    """Reads records that are JSON objects; fields that are not declared are ignored."""

    def __init__(self, source: SourcePlan) -> None:
        kinds = {column.name: _kind(column) for column in source.columns}
        decode = msgspec.json.Decoder(record_type(source, kinds)).decode
        self._decode = decode if source.wire == "bare" else lambda value: decode(json_body(value))
        self._takers = [attrgetter(f"c{i}") for i in range(len(source.columns))]
        self._instants = [column.type == "timestamp" for column in source.columns]

    def parse(self, values: Sequence[bytes | None], kafka_us: Sequence[int], reasons: dict[int, str]) -> list[Any]:  # noqa: ARG002 - the protocol's
        """See `features.formats.record.Parser`."""
        for i, value in enumerate(values):
            if value is not None and len(value) > 2 * MAX_DEPTH and _too_deep(value):
                reasons[i] = f"{Reason.NOT_DECODABLE}: nested deeper than {MAX_DEPTH}"
        return parse_each(self._decode, values, reasons)

    def wanted(self, values: Sequence[bytes | None], kafka_us: Sequence[int]) -> dict[int, int]:  # noqa: ARG002 - the protocol's
        """See `features.formats.record.Parser`: none, for a record says all by itself."""
        return {}

    def columns(self, records: Sequence[Any]) -> list[list[Any]]:
        """See `features.formats.record.Parser`."""
        taken = (list(map(take, records)) for take in self._takers)
        return [_to_us(values) if instant else values for values, instant in zip(taken, self._instants, strict=True)]


def _kind(column: ColumnPlan) -> Any:
    """What msgspec must find; the bounds of integers are checked there too, in C."""
    if column.type == "timestamp":
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if column.type in {"int32", "int64"}:
        least, most = integer_bounds(column)
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    return plain_kind(column)


def _to_us(values: list[datetime | None]) -> list[Any]:
    """Aware datetimes as int microseconds since 1970."""
    try:
        return [
            (since := value - _EPOCH).days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds  # type: ignore[operator]  # None is for the branch below
            for value in values
        ]
    except TypeError:
        return [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]


def _too_deep(value: bytes) -> bool:
    """Whether arrays and objects are nested deeper than ``MAX_DEPTH``; brackets inside strings do not count."""
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False
