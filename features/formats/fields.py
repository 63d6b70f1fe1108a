"""Fields that a binary format has typed already: held against the declared columns by the rules that JSON has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from features.formats.record import plain_kind, record_type
from features.plan import ColumnPlan, SourcePlan
from features.quantise import integer_bounds

FIRST_INSTANT_US: Final = -62_135_596_800_000_000
LAST_INSTANT_US: Final = 253_402_300_799_999_999
"""From the beginning of year 1 to the end of year 9999: what JSON's instants can say."""


class FieldsToRecord:
    """Makes structs of the declared columns out of fields by name.

    Parameters
    ----------
    source
        The declaration.
    unit_us
        For each column of instants, how many microseconds one of its integers stands for.

    """

    def __init__(self, source: SourcePlan, unit_us: Mapping[str, int]) -> None:
        kinds = {column.name: _kind(column, unit_us.get(column.name, 1)) for column in source.columns}
        self._type = record_type(source, kinds)
        self._floats = [column.name for column in source.columns if column.type.startswith("float")]
        self._takers = [attrgetter(f"c{i}") for i in range(len(source.columns))]
        self._units = [unit_us.get(column.name, 1) for column in source.columns]

    def record(self, fields: dict[str, Any]) -> Any:
        """One record; msgspec.ValidationError where a column is not as declared. NaN is null."""
        for name in self._floats:
            value = fields.get(name)
            if value != value:  # only NaN differs from itself
                fields[name] = None
        return msgspec.convert(fields, self._type)

    def columns(self, records: Sequence[Any]) -> list[list[Any]]:
        """The columns of records, instants in microseconds."""
        taken = (list(map(take, records)) for take in self._takers)
        return [values if unit == 1 else _times(values, unit) for values, unit in zip(taken, self._units, strict=True)]


def _kind(column: ColumnPlan, unit_us: int) -> Any:
    if column.type == "timestamp":
        bounds = msgspec.Meta(ge=-(-FIRST_INSTANT_US // unit_us), le=LAST_INSTANT_US // unit_us)
        return Annotated[int, bounds]
    if column.type in {"int32", "int64"}:
        least, most = integer_bounds(column)
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    return plain_kind(column)


def _times(values: list[Any], unit: int) -> list[Any]:
    return [None if value is None else value * unit for value in values]
