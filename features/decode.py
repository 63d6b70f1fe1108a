"""Records to rows: a source's declared schema, compiled once, decides what is valid and quantises the numbers.

What becomes of a record is a pure function of its bytes, its Kafka timestamp and the plan; the wall clock, the
other records of a batch and the depth of the caller's stack have no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter, is_, sub
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from features.plan import ColumnPlan, SourcePlan

QUANTISED_LIMIT = 2**52
"""A quantised number is strictly between minus this and this, so that doubles hold it exactly."""

MAX_DEPTH = 200
"""Deeper nesting is refused: the parser's own limit depends on how deep its caller's stack is."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AT = re.compile(r"(?P<what>.*) - at `(?P<path>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<column>.*)`", re.DOTALL)
_BOUND = re.compile(r"out of range|^Expected `[^`]*` [<>]=? ")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")

Row = tuple[Any, ...]


class Reason(StrEnum):
    """Why a record is a dead letter: the code before the colon of a reason's text."""

    NOT_DECODABLE = "not_decodable"
    SCHEMA_BREACH = "schema_breach"
    OUT_OF_RANGE = "out_of_range"
    AHEAD_OF_ITS_TIME = "ahead_of_its_time"


class Decoded(NamedTuple):
    """A batch, decoded; all lists run parallel to the records that went in.

    ``raw`` holds the declared columns as they were sent, ``columns`` with numbers quantised to ints; timestamps
    are int microseconds in both. Where a record is refused, both are None, ``event_us`` is -1 and ``reasons``
    tells why, by index.
    """

    raw: list[Row | None]
    columns: list[Row | None]
    event_us: list[int]
    reasons: dict[int, str]


def quantise(values: npt.NDArray[np.float64], decimals: int) -> npt.NDArray[np.float64]:
    """Numbers in units of their last declared decimal: ``rint(v · 10^decimals)``, NaN where null.

    Parameters
    ----------
    values
        Doubles as they were sent; NaN is null.
    decimals
        Number of decimals that are kept, from 0 to 22.

    Returns
    -------
    numpy.ndarray
        Whole doubles, ties to even. Where their magnitude is below ``QUANTISED_LIMIT`` they are exact integers;
        all others are to be refused.

    Examples
    --------
    >>> quantise(np.array([1.005, -0.125]), 2).tolist()
    [100.0, -12.0]

    """
    with np.errstate(over="ignore"):
        return np.rint(values * float(10**decimals))


class Decoder:
    """Decodes and validates the records of one source.

    Parameters
    ----------
    source
        The declaration that decides. Fields that it does not declare are ignored. A column that is not nullable,
        and the timestamp column always, must be there and not be null.

    """

    def __init__(self, source: SourcePlan) -> None:
        self.source = source
        self._decode = msgspec.json.Decoder(_record_type(source)).decode
        self._takers = [attrgetter(f"c{i}") for i in range(len(source.columns))]
        self._timestamp = [column.name for column in source.columns].index(source.timestamp_column)

    def decode(self, values: Sequence[bytes | None], kafka_us: Sequence[int]) -> Decoded:
        """Decode a batch.

        Parameters
        ----------
        values
            Kafka values; None is a tombstone.
        kafka_us
            Kafka timestamps in microseconds.

        Returns
        -------
        Decoded
            One entry a record; a bad one never hurts its neighbours.

        """
        reasons = {
            i: f"{Reason.NOT_DECODABLE}: nested deeper than {MAX_DEPTH}"
            for i, value in enumerate(values)
            if value is not None and len(value) > 2 * MAX_DEPTH and _too_deep(value)
        }
        records = self._parse(values, reasons)
        rows = range(len(records)) if not reasons else [i for i, record in enumerate(records) if record is not None]
        good = records if not reasons else [records[i] for i in rows]
        if not good:
            return Decoded([None] * len(values), [None] * len(values), [-1] * len(values), reasons)
        raw, columns = self._columns(good, rows, reasons)
        event_us = raw[self._timestamp]
        times = kafka_us if good is records else [kafka_us[i] for i in rows]
        self._check_times(event_us, times, rows, reasons)
        quantised = list(zip(*columns, strict=True))
        sent = quantised.copy() if all(map(is_, columns, raw)) else list(zip(*raw, strict=True))
        if not reasons:
            return Decoded(sent, quantised, event_us, reasons)  # type: ignore[arg-type]  # list is invariant
        return _scatter(len(values), rows, sent, quantised, event_us, reasons)

    def _parse(self, values: Sequence[bytes | None], reasons: dict[int, str]) -> list[Any]:
        """Records in the declared types, None where refused."""
        records: list[Any] = []
        if reasons:
            values = [None if i in reasons else value for i, value in enumerate(values)]
        parsing: Iterator[Any] = map(self._decode, values)  # type: ignore[arg-type]  # None raises TypeError below
        while len(records) < len(values):
            try:
                records.extend(parsing)  # what came before an error stays, and the map goes on behind it
            except TypeError:
                reasons.setdefault(len(records), f"{Reason.NOT_DECODABLE}: there is no value (a tombstone)")
                records.append(None)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                reasons[len(records)] = _explain(error)
                records.append(None)
        return records

    def _columns(
        self, records: list[Any], rows: Sequence[int], reasons: dict[int, str]
    ) -> tuple[list[list[Any]], list[list[Any]]]:
        """Columns as sent and quantised."""
        raw: list[list[Any]] = []
        quantised: list[list[Any]] = []
        for column, take in zip(self.source.columns, self._takers, strict=True):
            values = list(map(take, records))
            if column.type == "timestamp":
                values = _to_us(values)
            raw.append(values)
            if column.decimals is None:
                quantised.append(values)
            elif column.type in {"int32", "int64"}:
                quantised.append(_scaled(values, column.decimals))
            else:
                quantised.append(_quantised(values, column, rows, reasons))
        return raw, quantised

    def _check_times(
        self, event_us: list[int], kafka_us: Sequence[int], rows: Sequence[int], reasons: dict[int, str]
    ) -> None:
        """Refuse events before 1970, and those further ahead of their Kafka timestamp than declared."""
        allowed = self.source.max_ahead_us
        if max(map(sub, event_us, kafka_us)) <= allowed and min(event_us) >= 0:
            return
        column = self.source.timestamp_column
        for i, event, arrived in zip(rows, event_us, kafka_us, strict=True):
            if event < 0:
                reasons.setdefault(i, f"{Reason.OUT_OF_RANGE}: column {column}: is before 1970")
            elif event - arrived > allowed:
                ahead = f"{(event - arrived) / 1e6:g} s ahead of the Kafka timestamp, {allowed / 1e6:g} s are allowed"
                reasons.setdefault(i, f"{Reason.AHEAD_OF_ITS_TIME}: column {column}: {ahead}")


def _record_type(source: SourcePlan) -> type[msgspec.Struct]:
    """A struct with a field ``c<i>`` for each declared column."""
    fields: list[Any] = []
    for i, column in enumerate(source.columns):
        kind = _value_type(column)
        if column.nullable and column.name != source.timestamp_column:
            fields.append((f"c{i}", kind | None, None))
        else:
            fields.append((f"c{i}", kind))
    names = {f"c{i}": column.name for i, column in enumerate(source.columns)}
    return msgspec.defstruct("Record", fields, rename=names, gc=False, kw_only=True)


def _value_type(column: ColumnPlan) -> Any:
    """What msgspec must find; the bounds of integers are checked there too, in C."""
    if column.type == "timestamp":
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if column.type in {"int32", "int64"}:
        bits = 31 if column.type == "int32" else 63
        least, most = -(2**bits), 2**bits - 1
        if column.decimals is not None:
            limit = (QUANTISED_LIMIT - 1) // 10**column.decimals
            least, most = max(least, -limit), min(most, limit)
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    return {"string": str, "bool": bool, "float32": float, "float64": float}[column.type]


def _to_us(values: list[datetime | None]) -> list[Any]:
    """Aware datetimes as int microseconds since 1970."""
    try:
        return [
            (since := value - _EPOCH).days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds  # type: ignore[operator]  # None is for the branch below
            for value in values
        ]
    except TypeError:
        return [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]


def _scaled(values: list[Any], decimals: int) -> list[Any]:
    """Integers in units of their last declared decimal."""
    if decimals == 0:
        return values
    return [None if value is None else value * 10**decimals for value in values]


def _quantised(values: list[Any], column: ColumnPlan, rows: Sequence[int], reasons: dict[int, str]) -> list[Any]:
    """Quantised doubles as ints, None where null; those out of range are refused."""
    assert column.decimals is not None
    whole = quantise(np.array(values, dtype=np.float64), column.decimals)
    fits = np.abs(whole) < QUANTISED_LIMIT
    if fits.all():
        whole_numbers: list[Any] = whole.astype(np.int64).tolist()
        return whole_numbers
    for i in np.flatnonzero(~fits & ~np.isnan(whole)).tolist():
        problem = f"{values[i]!r} with {column.decimals} decimals needs 2^52 or more"
        reasons.setdefault(rows[i], f"{Reason.OUT_OF_RANGE}: column {column.name}: {problem}")
    numbers = np.where(fits, whole, 0).astype(np.int64).tolist()
    return [number if fit else None for number, fit in zip(numbers, fits.tolist(), strict=True)]


def _scatter(
    n: int, rows: Sequence[int], sent: list[Row], quantised: list[Row], event_us: list[int], reasons: dict[int, str]
) -> Decoded:
    """The good rows back at their places."""
    decoded = Decoded([None] * n, [None] * n, [-1] * n, dict(sorted(reasons.items())))
    for place, i in enumerate(rows):
        if i not in reasons:
            decoded.raw[i] = sent[place]
            decoded.columns[i] = quantised[place]
            decoded.event_us[i] = event_us[place]
    return decoded


def _explain(error: Exception) -> str:
    """The reason's text: its code, the column where one is to blame, and what msgspec found."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return f"{Reason.NOT_DECODABLE}: {text}"
    if missing := _MISSING.fullmatch(text):
        return f"{Reason.SCHEMA_BREACH}: column {missing['column']}: is missing"
    if at := _AT.fullmatch(text):
        code = Reason.OUT_OF_RANGE if _BOUND.search(at["what"]) else Reason.SCHEMA_BREACH
        return f"{code}: column {at['path'].removeprefix('$.')}: {at['what']}"
    return f"{Reason.SCHEMA_BREACH}: record: {text}"


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
