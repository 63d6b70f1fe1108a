"""Contributions of prepared columns as those of the features that they come of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleCorruptError
from features.shapley import LinearTables, can_explain, open_explainer, write_explanation

LINEAR = LinearTables(
    weights=np.array([[1.0, 2.0, 4.0]]), biases=np.array([1.0]), means=np.array([0.0, 1.0, 2.0]), fills=np.zeros(3)
)
SHARES = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])


def _columns(row: np.ndarray) -> np.ndarray:
    return np.array([row[0], row[0] ** 2, row[0] / row[1]])


def test_columns_are_added_to_their_features(tmp_path: Path) -> None:
    """A column of two features gives half to either; base and sum are those of the columns."""
    write_explanation(tmp_path / "explain.npz", LINEAR, SHARES)
    explainer = open_explainer(tmp_path / "explain.npz", 2, 1, _columns)

    assert can_explain(tmp_path / "explain.npz")
    assert explainer is not None
    assert explainer.base(0) == 1.0 + 2.0 + 8.0
    assert explainer.contributions(np.array([3.0, 1.0]), 0).tolist() == [3.0 + 16.0 + 2.0, 2.0]


@pytest.mark.parametrize(
    "shares", [SHARES[:2], SHARES[:, :1], SHARES * 2, SHARES * np.nan, SHARES.ravel(), SHARES.astype(np.float32)]
)
def test_shares_that_divide_nothing_rightly_are_corrupt(tmp_path: Path, shares: np.ndarray) -> None:
    """Of another number of columns or features, or not whole."""
    write_explanation(tmp_path / "explain.npz", LINEAR, shares)
    with pytest.raises(BundleCorruptError, match=r"explain\.npz"):
        open_explainer(tmp_path / "explain.npz", 2, 1, _columns)


def test_a_model_that_is_not_explained_has_no_shares(tmp_path: Path) -> None:
    """However its inputs are prepared."""
    write_explanation(tmp_path / "explain.npz", None, SHARES)
    assert not can_explain(tmp_path / "explain.npz")
    assert open_explainer(tmp_path / "explain.npz", 2, 1, _columns) is None
