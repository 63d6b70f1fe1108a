"""Erasures in the lake: where they are recorded, and how rows of forgotten entities are found and made empty.

They stand in one file, ``erasures.json`` at the lake's root, so that a copy of the lake carries them along and every
reader finds them. Until an erasure has been carried out, which is to say that no file shows its rows any more, readers
leave them out themselves; writers always do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.erasure import ERASED, NO_ERASURES, Erasure, Erasures, Found, KeyColumn
from features.errors import LakeCorruptError, UnavailableError
from features.lake.files import LakeFiles, Place
from features.lake.record_names import RecordNames
from features.lake.rows import checksums, declared_name
from features.nouns import SCORES_TOPIC, Struct

FILE = "erasures.json"
KEPT = ("offset", "kafka_us")
"""Columns that an erased row keeps: where the record stood, and when it came."""

OpenKey = Callable[[], bytes | None]
"""Gives the site's secret key; None where there is none yet."""


class Recorded(Struct, frozen=True, kw_only=True):
    """What the file holds."""

    erasures: tuple[Erasure, ...] = ()


class Eraser:
    """Knows the lake's erasures, as they stand at each call.

    Parameters
    ----------
    files
        The lake's files.
    key
        Gives the site's secret key.

    """

    def __init__(self, files: LakeFiles, key: OpenKey) -> None:
        self._files = files
        self._key = key
        self._read: tuple[bytes | None, Erasures] = (None, NO_ERASURES)

    def erasures(self) -> Erasures:
        """All that are recorded; SettingsError where there are some and no key."""
        data = self._files.read_beside(FILE)
        before, known = self._read
        if data == before:
            return known
        known = NO_ERASURES if data is None else Erasures(_parsed(data), self._key())
        self._read = data, known
        return known

    def record(self, erasures: Iterable[Erasure]) -> Erasures:
        """Add erasures, or put what is now known of them in the place of what was; all that are recorded then.

        Raises
        ------
        UnavailableError
            Somebody else recorded at the same time, and wrote over it.

        """
        known = {record.id: record for record in self.erasures().records}
        known |= {record.id: record for record in erasures}
        if known:
            self._files.write_beside(FILE, msgspec.json.encode(Recorded(erasures=tuple(known.values()))))
        recorded = self.erasures()
        if lost := known.keys() - recorded.ids:
            problem = f"{FILE} was written by someone else at the same time and lacks {', '.join(sorted(lost))}; run it"
            raise UnavailableError("lake", f"{problem} again")
        return recorded

    def clean(self, place: Place, table: pa.Table) -> pa.Table:
        """Stored rows of a partition, those of pending erasures empty."""
        return cleaned(self.erasures().pending(), place, table)


def _parsed(data: bytes) -> tuple[Erasure, ...]:
    try:
        return msgspec.json.decode(data, type=Recorded).erasures
    except msgspec.MsgspecError as error:
        raise LakeCorruptError(FILE, f"does not list erasures ({error})") from error


def cleaned(erasures: Erasures, place: Place, table: pa.Table, names: RecordNames | None = None) -> pa.Table:
    """Stored rows of a partition, those of forgotten entities empty."""
    found = find_rows(erasures, place, table, names).rows
    return emptied(table, found) if found else table


def find_rows(erasures: Erasures, place: Place, table: pa.Table, reader: RecordNames | None = None) -> Found:
    """Which stored rows of a partition belong to forgotten entities; ``reader`` reads raw values that are no text."""
    if not len(erasures) or not len(table):
        return Found([], [])
    if place.topic != SCORES_TOPIC and pc.min(table.column("offset")).as_py() >= erasures.reach(*place):
        return Found([], [])
    names = table.column_names
    offsets, values, reasons = (_listed(table, name) for name in ("offset", "value", "reason"))

    def column(name: str) -> KeyColumn:
        return _listed(table, declared_name(name)) if declared_name(name) in names else None

    def refused(i: int) -> bool:
        return reasons[i] is not None

    if reader is None:
        return erasures.find(place, offsets, values, column, refused)
    arrived_us = _listed(table, "kafka_us")

    def named(i: int, keys: Sequence[str]) -> Iterable[tuple[str, ...]] | None:
        return reader.of(values[i], arrived_us[i], keys)

    return erasures.find(place, offsets, values, column, refused, named)


def emptied(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    """A table whose rows at these indexes say nothing but where they stood and that they were erased."""
    mask: npt.NDArray[np.bool_] = np.zeros(len(table), np.bool_)
    mask[list(rows)] = True
    metadata = table.schema.metadata
    columns = []
    for name in table.column_names:
        column = table.column(name)
        if name == "crc":
            column = _checksums_of_nothing(table, mask)
        elif name == "reason":
            column = pc.if_else(mask, pa.scalar(ERASED, column.type), column)
        elif name not in KEPT:
            column = pc.if_else(mask, pa.scalar(None, column.type), column)
        columns.append(column)
    return pa.table(columns, schema=table.schema).replace_schema_metadata(metadata)


def _checksums_of_nothing(table: pa.Table, mask: npt.NDArray[np.bool_]) -> Any:
    """The rows' checksums, and for those under the mask that of a record without a value."""
    offsets, kafka_us = _listed(table, "offset"), _listed(table, "kafka_us")
    return pc.if_else(mask, checksums(offsets, kafka_us, [None] * len(table)), table.column("crc"))


def _listed(table: pa.Table, name: str) -> list[Any]:
    return table.column(name).to_pylist()
