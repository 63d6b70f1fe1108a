"""Exact Shapley values of a linear model whose features are taken for independent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from features.shapley.tree_tables import Doubles


class LinearTables(NamedTuple):
    """Raw score of an output = bias + weights · features, where NaN counts as what ``fills`` says.

    ``weights`` is ``[outputs, features]``, ``biases`` one an output; ``means`` are those of the training rows, NaN
    already filled.
    """

    weights: Doubles
    biases: Doubles
    means: Doubles
    fills: Doubles


def linear_tables(n_features: int, n_outputs: int, **columns: Any) -> LinearTables:
    """Tables of the right shapes.

    Parameters
    ----------
    n_features, n_outputs
        Of the model.
    **columns
        What `LinearTables` names.

    Returns
    -------
    LinearTables
        All finite.

    Raises
    ------
    ValueError
        Something is missing, of the wrong shape, NaN or infinite.

    """
    if set(columns) != set(LinearTables._fields):
        raise ValueError(f"the columns are {sorted(columns)}, not {sorted(LinearTables._fields)}")
    tables = LinearTables(**{name: np.asarray(column, np.float64) for name, column in columns.items()})
    shapes = {"weights": (n_outputs, n_features), "biases": (n_outputs,)}
    for name, column in tables._asdict().items():
        wanted = shapes.get(name, (n_features,))
        if column.shape != wanted:
            raise ValueError(f"{name} has the shape {column.shape}, not {wanted}")
        if not np.isfinite(column).all():
            raise ValueError(f"{name} holds what is not finite")
    return tables


class LinearShap:
    """A feature's contribution is its weight times how far it lies from its mean.

    Parameters
    ----------
    tables
        The model.

    Examples
    --------
    >>> shap = LinearShap(linear_tables(1, 1, weights=[[2.0]], biases=[1.0], means=[3.0], fills=[0.0]))
    >>> shap.base(0), shap.contributions(np.array([5.0]), 0).tolist()
    (7.0, [4.0])

    References
    ----------
    Štrumbelj, Kononenko (2014), "Explaining prediction models and individual predictions with feature contributions".

    """

    def __init__(self, tables: LinearTables) -> None:
        self._tables = tables

    def base(self, output: int) -> float:
        """Raw score at the means.

        Parameters
        ----------
        output
            Number of the output.

        Returns
        -------
        float
            The mean raw score of the training rows.

        """
        tables = self._tables
        return float(tables.biases[output] + tables.weights[output] @ tables.means)

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
        tables = self._tables
        filled = np.where(np.isnan(row), tables.fills, row)
        return np.asarray(tables.weights[output] * (filled - tables.means))
