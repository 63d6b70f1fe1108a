"""The observations of a dataset as a table: the columns that a model needs, as they are declared, in one order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.domain import Domain
from features.errors import DomainError
from features.head import UNSUPERVISED
from features.model_file import DRAWN_PLACES, MODEL_FILE, DatasetSpec
from features.plan import ColumnType
from offline_training.declared_columns import ARROW_TYPES, declared_column, plain_column, require_known
from offline_training.row_digests import fingerprint_of, row_digests
from offline_training.sources import address_of, read_source
from offline_training.training_table import LABEL, TIME

_NUMBERED: Final = re.compile(r"(.+)_(0|[1-9][0-9]*)")
_DIGEST_BITS: Final = 64


class Origin(msgspec.Struct, frozen=True):
    """Where a table was read, without secrets, and what it then was: its rows, and their SHA-256."""

    url: str
    rows: int
    fingerprint: str


class ObservedTable(NamedTuple):
    """Rows in order. ``at_us`` are their instants, or the places that those without were drawn for.

    ``origin`` is None where they come from the lake.
    """

    where: str
    table: pa.Table
    at_us: npt.NDArray[np.int64]
    origin: Origin | None


def dataset_table(
    domain: Domain, model: str, dataset: DatasetSpec, declared: Mapping[str, ColumnType], others: Sequence[str]
) -> ObservedTable:
    """Read a model's dataset; DomainError where it has not the columns that the model needs, as they are declared.

    ``declared`` are join keys and request fields, ``others`` columns of any type. Without instants, a row's place is a
    hash of what a model would be given of it, so that equal rows are on one side of any split.
    """
    spec = domain.models[model]
    where = f"{domain.repo / MODEL_FILE}: models.{model}.dataset"
    kinds: dict[str, ColumnType] = {**declared, **({TIME: "timestamp"} if spec.timed else {})}
    address = address_of(f"{where}.url", dataset.url)
    types = {name: ARROW_TYPES[kind] for name, kind in kinds.items()}
    found = read_source(where, address, dataset.query, domain.repo, types)
    if not spec.timed and TIME in found.column_names:
        raise DomainError(
            f"{where}: {TIME}", "stands in rows that are not split by time", "leave split.test_share out, or the column"
        )
    label = () if spec.task in UNSUPERVISED and LABEL not in found.column_names else (LABEL,)
    picked = {name: _picked(where, found, name) for name in dict.fromkeys((*kinds, *label, *others))}
    columns: dict[str, Any] = {
        name: declared_column(f"{where}: {name}", column, kinds[name])
        if name in kinds
        else plain_column(f"{where}: {name}", column)
        for name, column in picked.items()
    }
    table = pa.table(columns)
    if not len(table):
        raise DomainError(where, "yields no observation", "choose other rows")
    require_known(where, table, [TIME] if spec.timed else [])
    names = sorted(table.column_names)
    digests = row_digests(table, names)
    origin = Origin(address.shown, len(table), fingerprint_of(names, digests))
    inputs = row_digests(table, tuple(declared), spec.seed)
    at_us = table[TIME].cast(pa.int64()).to_numpy() if spec.timed else _drawn(inputs)
    order = np.lexsort((digests, inputs, at_us))  # ties by what rows hold: a database gives them in any order
    return ObservedTable(where, table.take(order), at_us[order], origin)


def _drawn(digests: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Places of rows that have no instants, each a number below `DRAWN_PLACES`."""
    half = np.uint64(_DIGEST_BITS // 2)
    return (digests >> half).astype(np.int64) * DRAWN_PLACES >> half.astype(np.int64)


def _picked(where: str, table: pa.Table, name: str) -> pa.ChunkedArray[Any]:
    """A column, or of a column of lists the element that its name numbers."""
    if table.column_names.count(name) == 1:
        return table[name]
    if name in table.column_names:
        raise DomainError(f"{where}: {name}", "is the name of several columns", "name each once")
    match = _NUMBERED.fullmatch(name)
    if match and match[1] in table.column_names and _is_list(table[match[1]].type):
        return _element(f"{where}: {match[1]}", table[match[1]], int(match[2]))
    raise DomainError(where, f"has no column {name}", f"it has {', '.join(table.column_names)}")


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _element(where: str, column: pa.ChunkedArray[Any], number: int) -> pa.ChunkedArray[Any]:
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) > 1 or lengths == [None]:
        raise DomainError(where, "holds lists of different lengths, or none", "make them all as long")
    if lengths and number >= lengths[0]:
        raise DomainError(where, f"has {lengths[0]} elements, and number {number} is asked for", "declare as many")
    return pc.list_element(column, number)
