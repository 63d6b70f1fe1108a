"""``explain.npz`` of a bundle: what its model is explained by, as arrays. Empty where there is nothing exact to say."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias
from zipfile import BadZipFile

import numpy as np

from features.compiled import WhereBuilt
from features.errors import BundleCorruptError
from features.shapley.column_shap import Columns, ColumnShap, Explainer, column_shares
from features.shapley.linear_shap import LinearShap, LinearTables, linear_tables
from features.shapley.tree_shap import TreeShap
from features.shapley.tree_tables import Doubles, TreeTables, tree_tables

TREE_SHAPS: dict[str, type[TreeShap]] = {"python": TreeShap}
"""Every implementation of TreeSHAP that there is here, by name, the fastest last; all are under the same laws."""

with WhereBuilt():
    from features.shapley.compiled_tree_shap import CompiledTreeShap

    TREE_SHAPS["compiled"] = CompiledTreeShap

_SHARES: Final = "shares"
_UNREADABLE = (OSError, ValueError, TypeError, EOFError, BadZipFile)

Explanation: TypeAlias = TreeTables | LinearTables


def write_explanation(path: Path, explanation: Explanation | None, shares: Doubles | None = None) -> None:
    """Write what a model is explained by.

    Parameters
    ----------
    path
        The file.
    explanation
        None for a model of which no exact contributions are known.
    shares
        What part of each prepared column is each feature's ``[p, k]``, where the explanation is of such columns.

    """
    columns = {} if explanation is None else explanation._asdict()
    if explanation is not None and shares is not None:
        columns |= {_SHARES: shares}
    with path.open("wb") as file:
        np.savez(file, **columns)


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


def open_explainer(path: Path, n_features: int, n_outputs: int, columns_of: Columns | None = None) -> Explainer | None:
    """The explainer of a model.

    Parameters
    ----------
    path
        ``explain.npz`` of its bundle.
    n_features, n_outputs
        Of the model.
    columns_of
        The model's own preparation of a row; None where it is not at hand, which models without one do not need.

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
        shares = column_shares(columns.pop(_SHARES), n_features) if _SHARES in columns else None
        tables = linear_tables if "weights" in columns else tree_tables
        explanation = tables(n_features if shares is None else len(shares), n_outputs, **columns)
    except _UNREADABLE as error:
        raise BundleCorruptError(str(path), f"explains no model of {n_features} features ({error})") from error
    if shares is not None and columns_of is None:
        raise BundleCorruptError(
            str(path), "explains prepared columns, and the model that prepares them is not at hand"
        )
    return explainer_of(explanation, n_features, n_outputs, shares, columns_of)


def explainer_of(
    explanation: Explanation,
    n_features: int,
    n_outputs: int,
    shares: Doubles | None = None,
    columns_of: Columns | None = None,
) -> Explainer:
    """The explainer of a model that was just made.

    Parameters
    ----------
    explanation
        What it is explained by.
    n_features, n_outputs
        Of the model.
    shares, columns_of
        Where the explanation is of prepared columns: what part of each is each feature's ``[p, k]``, and the model's
        own preparation of a row.

    Returns
    -------
    Explainer
        By the fastest implementation that there is.

    """
    of_columns: Explainer
    if isinstance(explanation, LinearTables):
        of_columns = LinearShap(explanation)
    else:
        n_columns = n_features if shares is None else len(shares)
        of_columns = TREE_SHAPS[next(reversed(TREE_SHAPS))](explanation, n_columns, n_outputs)
    return of_columns if shares is None or columns_of is None else ColumnShap(of_columns, shares, columns_of)
