"""Columns of observations, strictly as Feast declares them: no number is read as text, no text as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features.errors import DomainError
from features.plan import ColumnType

INSTANT: Final = pa.timestamp("us", tz="UTC")

ARROW_TYPES: Final[Mapping[ColumnType, pa.DataType]] = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": INSTANT,
}


def declared_column(where: str, column: pa.ChunkedArray[Any], kind: ColumnType) -> pa.ChunkedArray[Any]:
    """The column as its declared type has it, without loss; DomainError where it is of another kind.

    Integers stand for doubles that they are, 0 and 1 for false and true, texts with a zone for instants.
    """
    if not _fits(column, kind):
        raise DomainError(where, f"is no {kind} but {column.type}", "cast it to the declared type")
    try:
        typed: pa.ChunkedArray[Any] = column.cast(ARROW_TYPES[kind])
    except pa.ArrowException as error:
        raise DomainError(where, f"is no {kind} ({error})", "cast it to the declared type") from error
    return typed


def plain_column(where: str, column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """A column of no declared type, as texts, bools, integers or doubles; DomainError where it is none of them."""
    kind = column.type
    found: pa.DataType | None = None
    if is_text(kind):
        found = pa.string()
    elif pa.types.is_integer(kind):
        found = pa.int64()
    elif _is_number(kind):
        found = pa.float64()
    elif pa.types.is_boolean(kind) or pa.types.is_null(kind):
        found = kind
    try:
        if found is not None:
            return column.cast(found)
    except pa.ArrowException as error:
        raise DomainError(where, f"does not fit {found} ({error})", "cast it to a number or a text") from error
    raise DomainError(where, f"is {kind}", "cast it to a number or a text")


def require_known(where: str, table: pa.Table, names: Sequence[str]) -> None:
    """DomainError where one of these columns is null somewhere."""
    for name in names:
        if table[name].null_count:
            raise DomainError(f"{where}: {name}", f"is null in {table[name].null_count} rows", "leave those rows out")


def _fits(column: pa.ChunkedArray[Any], kind: ColumnType) -> bool:
    """Whether a column says what the declared type says, in whatever width."""
    found = column.type
    if pa.types.is_null(found):
        return True
    if kind == "string":
        return is_text(found)
    if kind == "timestamp":
        return is_text(found) or (pa.types.is_timestamp(found) and found.tz is not None)
    if kind == "bool":
        return pa.types.is_boolean(found) or (
            pa.types.is_integer(found) and set(pc.unique(column).to_pylist()) <= {0, 1, None}
        )
    return _is_number(found)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether values of that type are texts, however they are kept."""
    if isinstance(kind, pa.DictionaryType):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
