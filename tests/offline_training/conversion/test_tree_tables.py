"""Ensembles as the tables that they are explained by: LightGBM's own TreeSHAP is the judge."""

from __future__ import annotations

import numpy as np
import pytest

from features.shapley.explanation_file import TREE_SHAPS
from offline_training.conversion.tree_tables import tables_of
from tests.offline_training.conversion.boosters import trained
from tests.offline_training.conversion.test_onnx_trees import KINDS


@pytest.mark.parametrize("shap", TREE_SHAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_contributions_are_lightgbms(kind: str, shap: str) -> None:
    """Of rows with categories, NaN, zeros and extremes, by every kind of booster; and they sum to the raw score."""
    model = trained(**KINDS[kind])
    n_features = model.rows.shape[1]
    extremes = np.tile(np.array([np.nan, 0.0, 1e300, -1e300, np.inf, -np.inf])[:, np.newaxis], n_features)
    extremes[2:, 1] = 3.0  # a category
    rows = np.vstack([model.rows[::150], extremes])
    wanted = np.asarray(model.booster.predict(rows, pred_contrib=True))
    raws = model.predict(rows)[:, 0]
    explainer = TREE_SHAPS[shap](tables_of(model.ensemble), n_features, 1)
    for row, contributions, raw in zip(rows, wanted, raws, strict=True):
        found = explainer.contributions(row, 0)
        assert found == pytest.approx(contributions[:-1], abs=1e-9)
        assert explainer.base(0) == pytest.approx(contributions[-1], abs=1e-9)
        assert abs(explainer.base(0) + found.sum() - raw) < 1e-9
