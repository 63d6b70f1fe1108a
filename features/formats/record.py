"""What every message format ends in: a struct of the declared columns, and the reason where there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Protocol

import msgspec

from features.plan import ColumnPlan, SourcePlan
from features.quantise import integer_bounds

_AT = re.compile(r"(?P<what>.*) - at `(?P<path>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<column>.*)`", re.DOTALL)
_BOUND = re.compile(r"out of range|^Expected `[^`]*` [<>]=? ")


class Reason(StrEnum):
    """Why a record is a dead letter: the code before the colon of a reason's text."""

    NOT_DECODABLE = "not_decodable"
    SCHEMA_BREACH = "schema_breach"
    OUT_OF_RANGE = "out_of_range"
    AHEAD_OF_ITS_TIME = "ahead_of_its_time"
    NOT_DERIVABLE = "not_derivable"


class NotDecodableError(Exception):
    """Bytes that are not of the message format; the text is the same for the same bytes at any time."""


class Parser(Protocol):
    """One message format, for the records of one source."""

    def parse(self, values: Sequence[bytes | None], reasons: dict[int, str]) -> list[Any]:
        """Structs of `record_type`, None where refused; adds to ``reasons``, and skips what already stands there."""
        ...


def record_type(source: SourcePlan) -> type[msgspec.Struct]:
    """A struct with a field ``c<i>`` for each column that is sent, under the column's own name."""
    fields: list[Any] = []
    for i, column in enumerate(source.columns):
        kind = _value_type(column)
        if column.nullable and column.name != source.timestamp_column:
            fields.append((f"c{i}", kind | None, None))
        else:
            fields.append((f"c{i}", kind))
    names = {f"c{i}": column.name for i, column in enumerate(source.columns)}
    return msgspec.defstruct("Record", fields, rename=names, gc=False, kw_only=True)


def parse_each(decode: Callable[[Any], Any], values: Sequence[bytes | None], reasons: dict[int, str]) -> list[Any]:
    """What a decoder of one record makes of many: None, and the reason, where it raises."""
    records: list[Any] = []
    if reasons:
        values = [None if i in reasons else value for i, value in enumerate(values)]
    parsing = map(decode, values)
    while len(records) < len(values):
        try:
            records.extend(parsing)  # what came before an error stays, and the map goes on behind it
        except TypeError:
            if values[len(records)] is not None:
                raise
            reasons.setdefault(len(records), f"{Reason.NOT_DECODABLE}: there is no value (a tombstone)")
            records.append(None)
        except (msgspec.MsgspecError, UnicodeDecodeError, NotDecodableError) as error:
            reasons[len(records)] = _explain(error)
            records.append(None)
    return records


def _value_type(column: ColumnPlan) -> Any:
    """What msgspec must find; the bounds of integers are checked there too, in C."""
    if column.type == "timestamp":
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if column.type in {"int32", "int64"}:
        least, most = integer_bounds(column)
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    return {"string": str, "bool": bool, "float32": float, "float64": float}[column.type]


def _explain(error: Exception) -> str:
    """The reason's text: its code, the column where one is to blame, and what was found."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return f"{Reason.NOT_DECODABLE}: {text}"
    if missing := _MISSING.fullmatch(text):
        return f"{Reason.SCHEMA_BREACH}: column {missing['column']}: is missing"
    if at := _AT.fullmatch(text):
        code = Reason.OUT_OF_RANGE if _BOUND.search(at["what"]) else Reason.SCHEMA_BREACH
        return f"{code}: column {at['path'].removeprefix('$.')}: {at['what']}"
    return f"{Reason.SCHEMA_BREACH}: record: {text}"
