"""Conversion of LightGBM's trees to ONNX: the same bits, or a refusal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest

from features.errors import BundleCorruptError, DomainError
from offline_training.conversion import lightgbm_trees
from offline_training.conversion.ensemble import Ensemble
from offline_training.conversion.lightgbm_trees import ZERO_THRESHOLD, read_trees
from offline_training.conversion.onnx_trees import to_onnx
from offline_training.conversion.probes import tree_probes
from offline_training.proof import open_session, prove, raw_scores
from tests.offline_training.conversion.boosters import Trained, mixed_rows, trained

KINDS: dict[str, dict[str, Any]] = {
    "gbdt": {},
    "goss": {"data_sample_strategy": "goss"},
    "dart": {"boosting": "dart"},
    "bagged": {"bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.5},
    "extra trees": {"extra_trees": True, "path_smooth": 1.0},
    "no missing values": {"use_missing": False},
    "categories": {"categories": [1], "min_data_per_group": 5, "cat_smooth": 1.0},
    "one category against the rest": {"categories": [1], "max_cat_to_onehot": 100},
    "single leaf": {"min_data_in_leaf": 2_900},
    "one stump": {"rounds": 1, "num_leaves": 2},
    "monotone": {"monotone_constraints": [1, 0, 0, 0, 0, 0]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_raw_scores_are_lightgbms_bits(kind: str) -> None:
    """Real rows, both sides of every threshold, NaN, infinities and extremes give the same 64 bits."""
    model = trained(**KINDS[kind])
    proof = prove(model.exported(), model.predict, model.rows)
    assert proof.max_abs_diff == 0.0
    assert proof.n_rows > len(model.rows)
    assert len(proof.golden.raw_scores) >= 300


def test_every_split_is_probed_at_and_around_its_threshold() -> None:
    """The golden rows hold each threshold of a small model, its two neighbours, and NaN in its place."""
    model = trained(rounds=5)
    golden = prove(model.exported(), model.predict, model.rows).golden.features
    for split in (split for tree in model.ensemble.trees for split in tree.splits):
        column = golden[:, split.feature]
        for value in (split.threshold, math.nextafter(split.threshold, 9e9), math.nextafter(split.threshold, -9e9)):
            assert value in column
    assert np.isnan(golden).any(axis=0).all()


def _wrong(ensemble: Ensemble, at: int, **change: Any) -> Ensemble:
    """The ensemble with one split of its last tree altered."""
    *trees, last = ensemble.trees
    splits = list(last.splits)
    splits[at] = splits[at]._replace(**change)
    return ensemble._replace(trees=(*trees, last._replace(splits=tuple(splits))))


def test_a_threshold_one_ulp_off_is_found() -> None:
    """A model whose last split is moved by one unit in the last place is refused."""
    model = trained()
    split = model.ensemble.trees[-1].splits[-1]
    wrong = to_onnx(_wrong(model.ensemble, -1, threshold=math.nextafter(split.threshold, math.inf)))
    with pytest.raises(BundleCorruptError, match="is not the trained model"):
        prove(model.exported(wrong), model.predict, model.rows)


def test_a_wrong_direction_for_nan_is_found() -> None:
    """A model that sends NaN the other way at its last root is refused (further down it may never meet one)."""
    model = trained()
    split = model.ensemble.trees[-1].splits[0]
    wrong = to_onnx(_wrong(model.ensemble, 0, nan_goes_left=not split.nan_goes_left))
    with pytest.raises(BundleCorruptError, match="is not the trained model"):
        prove(model.exported(wrong), model.predict, model.rows)


def _around_zero() -> Trained:
    """A booster that splits off the negative values at LightGBM's -1e-35."""
    rows, labels = mixed_rows()
    rows[:, 0] = np.where(labels > 0, -1.0 - np.abs(rows[:, 0]), np.abs(rows[:, 0]) * (rows[:, 1] > 45))
    return trained(rounds=3, rows=rows)


def test_values_below_1e_35_are_read_as_zero() -> None:
    """LightGBM reads -1e-35 as 0.0, so a split at -1e-35 sends it right; the converted model does as well."""
    model = _around_zero()
    assert "-1.0000000180025095e-35" in model.booster.model_to_string()
    prove(model.exported(), model.predict, model.rows)
    rows = np.zeros((3, 6))
    rows[:, 0] = (-ZERO_THRESHOLD, math.nextafter(-ZERO_THRESHOLD, -1.0), -5e-324)
    found = raw_scores(open_session(to_onnx(model.ensemble)), rows)
    assert found.tolist() == model.predict(rows).tolist()
    assert found[0] == found[2] != found[1]


def test_the_reading_of_tiny_values_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With thresholds taken as written the proof fails: it is not a comparison that always agrees."""
    monkeypatch.setattr(lightgbm_trees, "effective_threshold", lambda threshold: threshold)
    model = _around_zero()
    with pytest.raises(BundleCorruptError):
        prove(model.exported(), model.predict, model.rows)


def test_nan_counts_as_zero_where_training_saw_none() -> None:
    """A feature without missing values in training takes NaN for 0.0, as LightGBM does."""
    model = trained(rounds=5, use_missing=False)
    nan, zero = np.full((1, 6), np.nan), np.zeros((1, 6))
    session = open_session(to_onnx(model.ensemble))
    assert raw_scores(session, nan).tolist() == raw_scores(session, zero).tolist() == model.predict(nan).tolist()


def test_a_split_on_being_known_at_all_is_proven() -> None:
    """Where only a value's absence tells, LightGBM's threshold is infinite: every number left, NaN alone right."""
    rows, labels = mixed_rows()
    rows[:, 2] = np.where(labels > 0, np.nan, rows[:, 0])
    model = trained(rounds=3, rows=rows)
    assert any(split.threshold == math.inf for tree in model.ensemble.trees for split in tree.splits)
    assert prove(model.exported(), model.predict, rows).max_abs_diff == 0.0


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "random forest": ({"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, "averages its trees"),
    "zeros as missing": ({"zero_as_missing": True}, "zeros for missing"),
    "linear leaves": ({"linear_tree": True}, "linear models"),
    "other sigmoid": ({"sigmoid": 2.0}, "objective"),
    "cross entropy": ({"objective": "cross_entropy"}, "objective"),
    "absolute error": ({"objective": "regression_l1"}, "objective"),
    "one class against the rest": ({"objective": "multiclassova", "num_class": 2}, "objective"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_proven_is_refused(kind: str) -> None:
    """A kind of model whose conversion would be silently wrong is a bad input, with the remedy named."""
    params, problem = REFUSED[kind]
    with pytest.raises(DomainError, match=problem):
        read_trees(trained(rounds=2, **params).booster.model_to_string())


def test_a_model_without_trees_is_refused() -> None:
    """Zero rounds make no model."""
    header = trained(rounds=1).booster.model_to_string().split("\nTree=")[0]
    with pytest.raises(DomainError, match="no trees"):
        read_trees(header)


def test_fractional_categories_are_refused() -> None:
    """LightGBM truncates 1.5 to the category 1 and ONNX does not, so such rows stop the training."""
    model = trained(categories=[1])
    tree_probes(model.ensemble, model.rows)
    rows = model.rows.copy()
    rows[7, 1] = 1.5
    with pytest.raises(DomainError, match="input 1 as a category"):
        tree_probes(model.ensemble, rows)


def test_equal_training_gives_equal_bytes() -> None:
    """The same rows, parameters and seed give the same model.onnx; another seed does not."""
    bagged = {"bagging_fraction": 0.5, "bagging_freq": 1}
    first, again, other = (to_onnx(trained(seed=seed, **bagged).ensemble) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_model_is_one_node_in_double() -> None:
    """model.onnx holds one TreeEnsemble with double splits and weights, from ``features`` to ``raw_score``."""
    graph = onnx.load_from_string(to_onnx(trained(rounds=2).ensemble)).graph
    (node,) = graph.node
    types = {a.name: a.t.data_type for a in node.attribute if a.name in {"nodes_splits", "leaf_weights"}}
    assert (node.domain, node.op_type) == ("ai.onnx.ml", "TreeEnsemble")
    assert set(types.values()) == {onnx.TensorProto.DOUBLE}
    assert ([i.name for i in graph.input], [o.name for o in graph.output]) == (["features"], ["raw_score"])
