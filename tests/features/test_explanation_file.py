"""``explain.npz``: what is written is read again, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleCorruptError
from features.shapley import LinearTables, can_explain, open_explainer, write_explanation
from features.shapley.tree_shap import TreeShap
from tests.features.tree_games import random_ensemble, random_row

LINEAR = LinearTables(
    weights=np.array([[1.0, -2.0], [0.5, 0.0]]),
    biases=np.array([1.0, 2.0]),
    means=np.array([3.0, 4.0]),
    fills=np.zeros(2),
)


def test_trees_come_back(tmp_path: Path) -> None:
    """And contribute what they contributed before."""
    rng = np.random.default_rng(3)
    tables, row = random_ensemble(rng, 4, 2), random_row(rng, 4)
    write_explanation(tmp_path / "explain.npz", tables)
    explainer = open_explainer(tmp_path / "explain.npz", 4, 2)

    assert can_explain(tmp_path / "explain.npz")
    assert explainer is not None
    wanted = TreeShap(tables, 4, 2).contributions(row, 1)
    assert explainer.contributions(row, 1).tolist() == pytest.approx(wanted.tolist(), abs=1e-12)


def test_a_linear_model_contributes_what_lies_off_the_mean(tmp_path: Path) -> None:
    """NaN counts as what the model fills in for it."""
    write_explanation(tmp_path / "explain.npz", LINEAR)
    explainer = open_explainer(tmp_path / "explain.npz", 2, 2)

    assert explainer is not None
    assert explainer.base(0) == 1.0 + 3.0 - 8.0
    assert explainer.contributions(np.array([5.0, np.nan]), 0).tolist() == [2.0, 8.0]
    assert explainer.contributions(np.array([5.0, 9.0]), 1).tolist() == [1.0, 0.0]


def test_other_models_are_not_explained(tmp_path: Path) -> None:
    """There is nothing exact to say of them, and the file says so."""
    write_explanation(tmp_path / "explain.npz", None)

    assert not can_explain(tmp_path / "explain.npz")
    assert open_explainer(tmp_path / "explain.npz", 2, 1) is None


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_a_file_that_is_no_archive_is_corrupt(tmp_path: Path, data: bytes) -> None:
    """It is named."""
    (tmp_path / "explain.npz").write_bytes(data)
    for reads in (can_explain, lambda path: open_explainer(path, 2, 1)):
        with pytest.raises(BundleCorruptError, match=r"explain\.npz"):
            reads(tmp_path / "explain.npz")


def test_an_explanation_of_another_model_is_corrupt(tmp_path: Path) -> None:
    """Of other inputs or outputs, or with arrays that no model is told by."""
    write_explanation(tmp_path / "explain.npz", LINEAR)
    for n_features, n_outputs in ((3, 2), (2, 1)):
        with pytest.raises(BundleCorruptError, match=r"weights has the shape \(2, 2\)"):
            open_explainer(tmp_path / "explain.npz", n_features, n_outputs)
    np.savez(tmp_path / "explain.npz", node_covers=np.ones(3))
    with pytest.raises(BundleCorruptError, match="the columns are"):
        open_explainer(tmp_path / "explain.npz", 2, 1)
    np.savez(tmp_path / "explain.npz", weights=np.array([{}]))
    with pytest.raises(BundleCorruptError, match="allow_pickle"):
        open_explainer(tmp_path / "explain.npz", 2, 1)
