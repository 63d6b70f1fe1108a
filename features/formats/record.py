"""What every message format ends in: a struct of the declared columns, and the reason where there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from features.plan import ColumnPlan, SourcePlan

_AT = re.compile(r"(?P<what>.*) - at `(?P<path>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<column>.*)`", re.DOTALL)
_BOUND = re.compile(r"out of range|^Expected `[^`]*` [<>]=? ")


class Reason(StrEnum):
    """Why a record is a dead letter: the code before the colon of a reason's text."""

    NOT_DECODABLE = "not_decodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    SCHEMA_BREACH = "schema_breach"
    OUT_OF_RANGE = "out_of_range"
    AHEAD_OF_ITS_TIME = "ahead_of_its_time"
    NOT_DERIVABLE = "not_derivable"


class RefusedError(Exception):
    """Bytes that are no valid record; ``text`` is the same for the same bytes at any time."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(f"{reason}: {text}")


class Parser(Protocol):
    """One message format, for the records of one source."""

    def parse(self, values: Sequence[bytes | None], kafka_us: Sequence[int], reasons: dict[int, str]) -> list[Any]:
        """Structs of the declared columns, None where refused; ``reasons`` is given why."""
        ...

    def wanted(self, values: Sequence[bytes | None], kafka_us: Sequence[int]) -> dict[int, int]:
        """Ids of schemas that must be asked for first, and the newest Kafka timestamp of a record with each."""
        ...

    def columns(self, records: Sequence[Any]) -> list[list[Any]]:
        """The declared columns of structs: instants in microseconds since 1970, None where null."""
        ...


def record_type(source: SourcePlan, kinds: Mapping[str, Any]) -> type[msgspec.Struct]:
    """A struct with a field ``c<i>`` for each column that is sent, under the column's own name.

    ``kinds`` is the type that msgspec must find for each column where it is not null.
    """
    fields: list[Any] = []
    for i, column in enumerate(source.columns):
        kind = kinds[column.name]
        if column.nullable and column.name != source.timestamp_column:
            fields.append((f"c{i}", kind | None, None))
        else:
            fields.append((f"c{i}", kind))
    names = {f"c{i}": column.name for i, column in enumerate(source.columns)}
    return msgspec.defstruct("Record", fields, rename=names, gc=False, kw_only=True)


def plain_kind(column: ColumnPlan) -> Any:
    """Type of a column that is neither an integer nor an instant, whose bounds are the format's concern."""
    return {"string": str, "bool": bool, "float32": float, "float64": float}[column.type]


def parse_each(
    decode: Callable[..., Any], values: Sequence[bytes | None], reasons: dict[int, str], *more: Sequence[Any]
) -> list[Any]:
    """What a decoder of one record makes of many: None, and the reason, where it raises.

    ``more`` are further arguments of the decoder, one a record; it raises TypeError for a value of None.
    """
    records: list[Any] = []
    if reasons:
        values = [None if i in reasons else value for i, value in enumerate(values)]
    parsing = map(decode, values, *more)
    while len(records) < len(values):
        try:
            records.extend(parsing)  # what came before an error stays, and the map goes on behind it
        except TypeError:
            if values[len(records)] is not None:
                raise
            reasons.setdefault(len(records), f"{Reason.NOT_DECODABLE}: there is no value (a tombstone)")
            records.append(None)
        except (msgspec.MsgspecError, UnicodeDecodeError, RefusedError) as error:
            reasons[len(records)] = _explain(error)
            records.append(None)
    return records


def _explain(error: Exception) -> str:
    """The reason's text: its code, the column where one is to blame, and what was found."""
    text = str(error)
    if isinstance(error, RefusedError):
        return text
    if not isinstance(error, msgspec.ValidationError):
        return f"{Reason.NOT_DECODABLE}: {text}"
    if missing := _MISSING.fullmatch(text):
        return f"{Reason.SCHEMA_BREACH}: column {missing['column']}: is missing"
    if at := _AT.fullmatch(text):
        code = Reason.OUT_OF_RANGE if _BOUND.search(at["what"]) else Reason.SCHEMA_BREACH
        return f"{code}: column {at['path'].removeprefix('$.')}: {at['what']}"
    return f"{Reason.SCHEMA_BREACH}: record: {text}"
