"""Records to rows: a source's declared schema, compiled once, decides what is valid and quantises the numbers.

What becomes of a record is a pure function of its bytes, its Kafka timestamp and the plan; the wall clock, the
other records of a batch and the depth of the caller's stack have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from operator import is_, sub
from typing import Any, NamedTuple

import numpy as np

from features.derive import Derivation
from features.formats import open_parser
from features.formats.record import Reason
from features.formats.schemas import MemoryShelf, SchemaBook
from features.plan import ColumnPlan, SourcePlan
from features.quantise import QUANTISED_LIMIT, quantise

Row = tuple[Any, ...]
Columns = list[list[Any]]


class Decoded(NamedTuple):
    """A batch, decoded; all lists run parallel to the records that went in.

    ``raw`` holds the columns of the lake (``SourcePlan.stored``): as they were sent, then the derived ones; ``columns``
    those of the kernel (``SourcePlan.row``), with numbers quantised to ints. Timestamps are int microseconds in both.
    Where a record is refused, both are None, ``event_us`` is -1 and ``reasons`` tells why, by index.
    """

    raw: list[Row | None]
    columns: list[Row | None]
    event_us: list[int]
    reasons: dict[int, str]


class Decoder:
    """Decodes and validates the records of one source.

    Parameters
    ----------
    source
        The declaration that decides. Fields that it does not declare are ignored. A column that is not nullable,
        and the timestamp column always, must be there and not be null.
    schemas
        Where records that name the schema they were written with find it.

    """

    def __init__(self, source: SourcePlan, schemas: SchemaBook | None = None) -> None:
        self.source = source
        self._parser = open_parser(source, schemas or SchemaBook(MemoryShelf()))
        self._timestamp = [column.name for column in source.columns].index(source.timestamp_column)
        self._derivations = [Derivation(column, source) for column in source.derived]
        self._masks = _mask_ordinals(source)

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

        Raises
        ------
        UnavailableError
            A record names a schema that is not at hand, and the registry does not answer. See `wanted`.

        """
        reasons: dict[int, str] = {}
        records = self._parser.parse(values, kafka_us, reasons)
        rows = range(len(records)) if not reasons else [i for i, record in enumerate(records) if record is not None]
        good = records if not reasons else [records[i] for i in rows]
        if not good:
            return Decoded([None] * len(values), [None] * len(values), [-1] * len(values), reasons)
        raw, columns = self._columns(good, rows, reasons)
        event_us = raw[self._timestamp]
        times = kafka_us if good is records else [kafka_us[i] for i in rows]
        self._check_times(event_us, times, rows, reasons)
        if self._derivations:
            self._derive(raw, columns, rows, reasons)
        alike = not self._masks and all(map(is_, columns, raw))
        quantised = _masked_rows(columns, self._masks)
        sent = quantised.copy() if alike else list(zip(*raw, strict=True))
        if not reasons:
            return Decoded(sent, quantised, event_us, reasons)  # type: ignore[arg-type]  # list is invariant
        return _scatter(len(values), rows, sent, quantised, event_us, reasons)

    def wanted(self, values: Sequence[bytes | None], kafka_us: Sequence[int]) -> Mapping[int, int]:
        """Schemas that a batch needs and that must be asked for: for `SchemaBook.learn`, which may wait for an answer.

        Whoever must not wait lets it learn elsewhere before `decode`, which asks by itself otherwise.
        """
        return self._parser.wanted(values, kafka_us)

    def _columns(self, records: list[Any], rows: Sequence[int], reasons: dict[int, str]) -> tuple[Columns, Columns]:
        """Columns as sent and quantised."""
        raw = self._parser.columns(records)
        quantised = [
            _in_units(values, column, rows, reasons) for values, column in zip(raw, self.source.columns, strict=True)
        ]
        return raw, quantised

    def _derive(self, raw: Columns, quantised: Columns, rows: Sequence[int], reasons: dict[int, str]) -> None:
        """Put the derived columns behind those that were sent; refuse the rows for which a function fails."""
        sent = raw.copy()
        for derivation in self._derivations:
            values = derivation.compute(sent, partial(_refuse, derivation.column, rows, reasons))
            raw.append(values)
            quantised.append(_in_units(values, derivation.column, rows, reasons))

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


def kernel_rows(source: SourcePlan, stored: Columns) -> list[Row]:
    """Rows as the kernel takes them, of valid events as the lake keeps them.

    Parameters
    ----------
    source
        The declaration that the events were decoded under.
    stored
        The columns of ``source.stored``, instants in microseconds.

    Returns
    -------
    list of tuple
        What `Decoder.decode` gives as ``columns`` for the records of these events.

    """
    reasons: dict[int, str] = {}
    rows = range(len(stored[0]))
    columns = [_in_units(values, column, rows, reasons) for values, column in zip(stored, source.stored, strict=True)]
    return _masked_rows(columns, _mask_ordinals(source))


def _mask_ordinals(source: SourcePlan) -> list[tuple[int, int]]:
    """Per mask the place of its column, and of the bool column that decides."""
    ordinal = {column.name: i for i, column in enumerate(source.stored)}
    return [(ordinal[mask.column], ordinal[mask.where]) for mask in source.masks]


def _masked_rows(columns: Columns, masks: Sequence[tuple[int, int]]) -> list[Row]:
    """Columns as rows, with the masked ones behind them."""
    for column, where in masks:
        masked = zip(columns[column], columns[where], strict=True)
        columns.append([value if counts else None for value, counts in masked])
    return list(zip(*columns, strict=True))


def _refuse(column: ColumnPlan, rows: Sequence[int], reasons: dict[int, str], at: int, code: str, text: str) -> None:
    """Give the row at a place of the batch's good ones its reason, unless it has one."""
    reasons.setdefault(rows[at], f"{code}: column {column.name}: {text}")


def _in_units(values: list[Any], column: ColumnPlan, rows: Sequence[int], reasons: dict[int, str]) -> list[Any]:
    """Numbers in units of their last declared decimal; what is no quantity as it is."""
    if column.decimals is None:
        return values
    if column.type in {"int32", "int64"}:
        return _scaled(values, column.decimals)
    return _quantised(values, column, column.decimals, rows, reasons)


def _scaled(values: list[Any], decimals: int) -> list[Any]:
    """Integers in units of their last declared decimal."""
    if decimals == 0:
        return values
    return [None if value is None else value * 10**decimals for value in values]


def _quantised(
    values: list[Any], column: ColumnPlan, decimals: int, rows: Sequence[int], reasons: dict[int, str]
) -> list[Any]:
    """Quantised doubles as ints, None where null; those out of range are refused."""
    whole = quantise(np.array(values, dtype=np.float64), decimals)
    fits = np.abs(whole) < QUANTISED_LIMIT
    if fits.all():
        whole_numbers: list[Any] = whole.astype(np.int64).tolist()
        return whole_numbers
    for i in np.flatnonzero(~fits & ~np.isnan(whole)).tolist():
        _refuse(
            column,
            rows,
            reasons,
            i,
            Reason.OUT_OF_RANGE,
            f"{values[i]!r} with {decimals} decimals needs 2^52 or more",
        )
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
