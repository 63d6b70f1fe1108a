"""``explain.npz`` of a bundle: what its model is explained by, as arrays. Empty where there is nothing exact to say."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeAlias
from zipfile import BadZipFile

import numpy as np

from features.errors import BundleCorruptError
from features.shapley.linear_shap import LinearShap, LinearTables, linear_tables
from features.shapley.tree_shap import TreeShap
from features.shapley.tree_tables import Doubles, TreeTables, tree_tables

TREE_SHAPS: dict[str, type[TreeShap]] = {"python": TreeShap}
"""Every implementation of TreeSHAP that there is here, by name, the fastest last; all are under the same laws."""

try:
    from features.shapley.compiled_tree_shap import CompiledTreeShap
except ModuleNotFoundError as error:  # installed without a C compiler; one that does not load is told
    if not str(error.name).startswith("features.compiled"):
        raise
else:
    TREE_SHAPS["compiled"] = CompiledTreeShap

_UNREADABLE = (OSError, ValueError, TypeError, EOFError, BadZipFile)

Explanation: TypeAlias = TreeTables | LinearTables


class Explainer(Protocol):
    """Exact Shapley values of a model's raw scores."""

    def base(self, output: int) -> float:
        """Raw score of no feature known."""
        ...

    def contributions(self, row: Doubles, output: int) -> Doubles:
        """What each feature of a row contributed; with the base they sum to the raw score."""
        ...


def write_explanation(path: Path, explanation: Explanation | None) -> None:
    """Write what a model is explained by.

    Parameters
    ----------
    path
        The file.
    explanation
        None for a model of which no exact contributions are known.

    """
    with path.open("wb") as file:
        np.savez(file, **({} if explanation is None else explanation._asdict()))


def can_explain(path: Path) -> bool:
    """Whether a file holds an explanation; its arrays are not read.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    bool
        False where nothing exact is known.

    Raises
    ------
    BundleCorruptError
        The file is no such archive.

    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return bool(archive.files)
    except _UNREADABLE as error:
        raise BundleCorruptError(str(path), f"is no archive of arrays ({error})") from error


def open_explainer(path: Path, n_features: int, n_outputs: int) -> Explainer | None:
    """The explainer of a model.

    Parameters
    ----------
    path
        ``explain.npz`` of its bundle.
    n_features, n_outputs
        Of the model.

    Returns
    -------
    Explainer or None
        None where nothing exact is known.

    Raises
    ------
    BundleCorruptError
        The file is not what `write_explanation` writes, or is of another model.

    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            columns = dict(archive)
        if not columns:
            return None
        tables = (linear_tables if "weights" in columns else tree_tables)(n_features, n_outputs, **columns)
    except _UNREADABLE as error:
        raise BundleCorruptError(str(path), f"explains no model of {n_features} features ({error})") from error
    return explainer_of(tables, n_features, n_outputs)


def explainer_of(explanation: Explanation, n_features: int, n_outputs: int) -> Explainer:
    """The explainer of a model that was just made.

    Parameters
    ----------
    explanation
        What it is explained by.
    n_features, n_outputs
        Of the model.

    Returns
    -------
    Explainer
        By the fastest implementation that there is.

    """
    if isinstance(explanation, LinearTables):
        return LinearShap(explanation)
    return TREE_SHAPS[next(reversed(TREE_SHAPS))](explanation, n_features, n_outputs)
