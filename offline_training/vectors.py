"""Observations and their finished views, as the rows of a training set: each assembled by the scorer's own code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.backfill import ViewColumns
from features.entities import UNKNOWN
from features.errors import RequestError
from features.nouns import FeatureValue
from features.vector import Assembler, RequestValue, ViewValues

ROWS = 10_000
"""Observations that are Python objects at a time."""


class Vectors(NamedTuple):
    """``rows`` is ``[n, k]``, NaN for null; ``kept`` are the numbers of the observations that they are of."""

    rows: npt.NDArray[np.float64]
    kept: npt.NDArray[np.intp]


def assemble_vectors(
    assembler: Assembler,
    at_us: npt.NDArray[np.int64],
    request: Mapping[str, Sequence[RequestValue]],
    views: Mapping[str, ViewColumns],
) -> Vectors:
    """Vectors of all observations but those that the missing-value policy refuses, as the scorer would refuse them."""
    rows = np.empty((len(at_us), len(assembler.names)), np.float64)
    kept: list[int] = []
    for begin in range(0, len(at_us), ROWS):
        some = slice(begin, begin + ROWS)
        finished = {name: _view_rows(columns.take(some)) for name, columns in views.items()}
        supplied = {field: column[some] for field, column in request.items()}
        for i, as_of_us in enumerate(at_us[some].tolist()):
            of_views = {name: values[i] for name, values in finished.items()}
            try:
                vector = assembler.assemble(as_of_us, of_views, {field: supplied[field][i] for field in supplied})
            except RequestError:
                continue  # the scorer refuses such a request, so the model need not learn from it
            rows[len(kept)] = vector.values
            kept.append(begin + i)
    return Vectors(rows[: len(kept)], np.array(kept, np.intp))


def _view_rows(columns: ViewColumns) -> list[ViewValues]:
    """Finished values of one view, one entry an observation."""
    newest = [None if at_us == UNKNOWN else at_us for at_us in columns.newest_us.tolist()]
    features = [_with_nulls(values, columns.valid[name]) for name, values in columns.values.items()]
    return [ViewValues(values, at_us) for values, at_us in zip(zip(*features, strict=True), newest, strict=True)]


def _with_nulls(values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> list[FeatureValue]:
    if valid.all():
        return list(values.tolist())
    return [value if ok else None for value, ok in zip(values.tolist(), valid.tolist(), strict=True)]
