"""Shapley values of what a model makes of its features, as those of the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from features.shapley.tree_tables import Doubles

Columns: TypeAlias = Callable[[Doubles], Doubles]
"""From a model's row ``[k]`` to the prepared columns ``[p]`` that it computes its raw scores from."""


class Explainer(Protocol):
    """Exact Shapley values of a model's raw scores."""

    def base(self, output: int) -> float:
        """Raw score of no feature known."""
        ...

    def contributions(self, row: Doubles, output: int) -> Doubles:
        """What each feature of a row contributed; with the base they sum to the raw score."""
        ...


class ColumnShap:
    """Contributions of prepared columns, added to the features that the columns come of.

    They still sum to the raw score. A column of two features is a player of its own in the game: each has half of what
    it contributes.

    Parameters
    ----------
    of_columns
        What explains the model of the columns.
    shares
        As `column_shares` gives them.
    columns_of
        The model's own preparation.

    """

    def __init__(self, of_columns: Explainer, shares: Doubles, columns_of: Columns) -> None:
        self._of_columns = of_columns
        self._shares = shares
        self._columns_of = columns_of

    def base(self, output: int) -> float:
        """Raw score of no column known.

        Parameters
        ----------
        output
            Number of the output.

        Returns
        -------
        float
            As of the columns.

        """
        return self._of_columns.base(output)

    def contributions(self, row: Doubles, output: int) -> Doubles:
        """What each feature of a row contributed.

        Parameters
        ----------
        row
            The model's input, NaN for null.
        output
            Number of the output.

        Returns
        -------
        numpy.ndarray
            One double a feature; with `base` they sum to the raw score.

        """
        return np.asarray(self._of_columns.contributions(self._columns_of(row), output) @ self._shares)


def column_shares(shares: Doubles, n_features: int) -> Doubles:
    """What part of each prepared column is each feature's.

    Parameters
    ----------
    shares
        ``[p, k]``.
    n_features
        Of the model.

    Returns
    -------
    numpy.ndarray
        The same, checked.

    Raises
    ------
    ValueError
        They are of another number of features, or a column's do not sum to one.

    """
    if shares.dtype != np.float64 or shares.ndim != 2 or shares.shape[1] != n_features:
        raise ValueError(f"shares are {shares.dtype} {shares.shape}, not doubles of {n_features} features")
    if not (np.isfinite(shares).all() and (np.abs(shares.sum(axis=1) - 1.0) < 1e-12).all()):
        raise ValueError("the shares of a column do not sum to one")
    return shares
