"""What cannot be done with a training set that no one process holds."""

from __future__ import annotations

from collections.abc import Iterator

from features.errors import DomainError
from features.model_file import ModelSpec, PreparationSpec
from offline_training.spread.lightgbm_fits import SpreadLightGbm
from offline_training.spread.table import SpreadTable


def require_spreadable(table: SpreadTable | None, spec: ModelSpec, *, quick: bool) -> None:
    """DomainError where a training set is a table on a cluster, and its model is not one that is fitted there."""
    if table is None:
        return
    for key, wish in _unfit(spec, quick=quick):
        raise DomainError(
            f"model.yaml: {key}",
            f"{wish}, and this training set has {len(table.labels):,} rows, more than one process may hold",
            f"have {SpreadLightGbm.name} alone, without preparation; or set MILLSTREAM_DASK__CLIENT_ROWS to what fits "
            "this machine's memory",
        )


def _unfit(spec: ModelSpec, *, quick: bool) -> Iterator[tuple[str, str]]:
    if spec.algorithm != SpreadLightGbm.name:
        yield "algorithm", f"{spec.algorithm} is fitted in one process"
    if spec.search is not None and not quick and set(spec.search.algorithms) != {SpreadLightGbm.name}:
        yield "search.algorithms", "are fitted in one process"
    if spec.preparation != PreparationSpec():
        yield "preparation", "is fitted in one process"
