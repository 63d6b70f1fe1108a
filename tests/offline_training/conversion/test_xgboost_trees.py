"""XGBoost's trees: leaves on a grid, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost as xgb

from features.errors import DomainError
from offline_training.conversion.xgboost_trees import on_grid, read_xgboost
from tests.offline_training.learners.tasks import task_rows


def _trained(**params: Any) -> xgb.Booster:
    rows, labels = task_rows(400)
    fixed = {"objective": "binary:logistic", "base_score": 0.5, "nthread": 1, "max_depth": 4}
    categories = {"feature_types": ["q", "q", "q", "q", "q", "c"]} if params.pop("categories", False) else {}
    rows = np.nan_to_num(rows) if categories else rows
    if categories:
        rows[:, 5] = np.arange(len(rows)) % 7
        labels["binary"] = (rows[:, 5] % 2).astype(np.float64)
    return xgb.train(fixed | params, xgb.DMatrix(rows, labels["binary"], **categories), 8)


def _model(booster: xgb.Booster) -> bytes:
    return bytes(booster.save_raw("json"))


def test_leaves_on_the_grid_add_exactly_in_any_order() -> None:
    """Forwards, backwards and in float32 the same number; none has moved further than half a step of the grid."""
    model = _model(_trained())
    own, moved = read_xgboost(model), read_xgboost(on_grid(model, [0.0]))
    leaves = [np.array(tree.leaf_values) for tree in moved.trees]
    worst = [max(values, key=abs) for values in leaves]
    forwards = np.float32(0.0)
    for value in worst:
        forwards += np.float32(value)
    assert float(forwards) == sum(worst) == sum(reversed(worst))
    before = np.concatenate([tree.leaf_values for tree in own.trees])
    most = sum(np.abs(values).max() for values in leaves)
    assert np.abs(np.concatenate(leaves) - before).max() <= most * 2**-22
    assert [tree.splits for tree in own.trees] == [tree.splits for tree in moved.trees]


def test_the_first_tree_takes_the_intercept_in() -> None:
    """So the model that is loaded again needs none."""
    model = _model(_trained())
    plain, raised = read_xgboost(on_grid(model, [0.0])), read_xgboost(on_grid(model, [-2.0]))
    first = np.array(raised.trees[0].leaf_values) - np.array(plain.trees[0].leaf_values)
    assert first == pytest.approx(-2.0, abs=1e-6)
    assert raised.trees[1].leaf_values == pytest.approx(plain.trees[1].leaf_values, abs=1e-6)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "dropped trees": ({"booster": "dart"}, "no plain sum of trees"),
    "an intercept of its own": ({"base_score": 0.3}, "intercept of its own"),
    "another objective": ({"objective": "binary:hinge"}, "objective 'binary:hinge'"),
    "categories": ({"categories": True, "tree_method": "hist"}, "splits on categories"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_proven_is_refused(kind: str) -> None:
    """With the remedy named."""
    params, problem = REFUSED[kind]
    with pytest.raises(DomainError, match=problem):
        read_xgboost(_model(_trained(**params)))


def test_a_model_without_trees_is_refused() -> None:
    """Zero rounds make no model."""
    rows, labels = task_rows(50)
    empty = xgb.train({"objective": "binary:logistic", "base_score": 0.5}, xgb.DMatrix(rows, labels["binary"]), 0)
    with pytest.raises(DomainError, match="has no trees"):
        read_xgboost(_model(empty))
