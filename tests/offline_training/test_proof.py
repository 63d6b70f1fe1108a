"""The equality gate: every conversion that is known to be wrong in silence is refused.

Foreign converters are no dependency, so their mistakes are made here by hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from xgboost import Booster, DMatrix
from xgboost import train as train_xgboost

from features.bundle import MODEL_INPUT, MODEL_OUTPUT
from features.errors import BundleCorruptError
from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.exported import Exported
from offline_training.conversion.forest_trees import read_forest
from offline_training.conversion.lightgbm_trees import read_trees
from offline_training.conversion.node_tree import tree_of_nodes
from offline_training.conversion.onnx_trees import to_onnx
from offline_training.conversion.probes import tree_probes
from offline_training.conversion.xgboost_trees import read_xgboost
from offline_training.proof import MIN_ROWS, Predict, Proof, open_session, prove, raw_scores
from tests.offline_training.conversion.boosters import mixed_rows, trained
from tests.offline_training.learners.tasks import learned, task_rows

WRONG = "is not the trained model"


def _prove(ensemble: Ensemble, predict: Predict, rows: np.ndarray, model: bytes | None = None) -> Proof:
    """As if this ensemble (or this file) were what was converted."""
    exported = Exported(model or to_onnx(ensemble), None, partial(tree_probes, ensemble), 0.0)
    return prove(exported, predict, rows)


def _altered(ensemble: Ensemble, alter: Callable[[Split], Split]) -> Ensemble:
    trees = tuple(tree._replace(splits=tuple(map(alter, tree.splits))) for tree in ensemble.trees)
    return ensemble._replace(trees=trees)


def _through_float32(model: bytes) -> bytes:
    """The model, of rows that are rounded to float32 first."""
    graph = onnx.load_from_string(model)
    for node in graph.graph.node:
        node.input[:] = ["rounded" if name == MODEL_INPUT else name for name in node.input]
    casts = [
        helper.make_node("Cast", [MODEL_INPUT], ["single"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["single"], ["rounded"], to=TensorProto.DOUBLE),
    ]
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return bytes(graph.SerializeToString())


def test_a_proof_stands_on_ten_thousand_rows() -> None:
    """However few there are to begin with: their values are mixed anew."""
    model = trained(rounds=1, num_leaves=2)
    assert _prove(model.ensemble, model.predict, model.rows[:50]).n_rows == MIN_ROWS


def test_thresholds_in_float32_are_refused() -> None:
    """As onnxmltools writes them: random rows hide it, rows at a threshold do not."""
    model = trained(rounds=5)
    wrong = _altered(model.ensemble, lambda split: split._replace(threshold=float(np.float32(split.threshold))))
    hidden = np.random.default_rng(8).normal(size=(2_000, 6))
    assert raw_scores(open_session(to_onnx(wrong)), hidden).tolist() == model.predict(hidden).tolist()
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(model.ensemble, model.predict, model.rows, to_onnx(wrong))


def test_epoch_seconds_in_float32_are_refused() -> None:
    """Float32 tells instants apart that are more than a minute from each other; so do ids near 1e8."""
    rows, _ = task_rows()
    model = learned("lightgbm", "binary")
    prove(model.export(), model.raw, rows)
    with pytest.raises(BundleCorruptError, match=WRONG):
        prove(model.export()._replace(onnx=_through_float32(model.export().onnx)), model.raw, rows)


def test_a_sum_for_an_average_is_refused() -> None:
    """LightGBM's boosting=rf, converted as if it were boosting."""
    model = trained(rounds=4, boosting="rf", bagging_fraction=0.5, bagging_freq=1)
    text = model.booster.model_to_string().replace("average_output\n", "")
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(read_trees(text), lambda some: model.booster.predict(some)[:, np.newaxis], model.rows)


def test_zeros_that_are_missing_are_refused() -> None:
    """LightGBM's zero_as_missing, converted as if NaN alone were missing."""
    model = trained(rounds=4, zero_as_missing=True)
    text = model.booster.model_to_string().replace("[zero_as_missing: 1]", "[zero_as_missing: 0]")

    def nan_alone(line: re.Match[str]) -> str:
        return "decision_type=" + " ".join(str(int(word) & ~12 | 8) for word in line[1].split())

    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(read_trees(re.sub(r"decision_type=(.*)", nan_alone, text)), model.predict, model.rows)


@pytest.mark.parametrize("wrong", [-1, "unseen"])
def test_a_category_that_training_did_not_see_is_tried(wrong: int | str) -> None:
    """A conversion that takes an unseen or a negative category for a member is refused."""
    model = trained(rounds=4, categories=[1], min_data_per_group=5, cat_smooth=1.0)

    def with_stranger(split: Split) -> Split:
        if split.members is None:
            return split
        return split._replace(members=(*split.members, max(split.members) + 1 if wrong == "unseen" else -1))

    _prove(model.ensemble, model.predict, model.rows)
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(model.ensemble, model.predict, model.rows, to_onnx(_altered(model.ensemble, with_stranger)))


def _hist_ensemble(model: Any) -> Ensemble:
    """scikit-learn's histogram boosting as foreign converters read it: each split a number."""
    baseline = Tree((), (float(model._baseline_prediction[0, 0]),), (0.0,))
    return Ensemble(int(model.n_features_in_), (baseline, *(_hist_tree(one[0].nodes) for one in model._predictors)))


def _hist_tree(nodes: np.ndarray) -> Tree:
    def split(i: int) -> Split:
        node = nodes[i]
        nan_left = bool(node["missing_go_to_left"])
        return Split(int(node["feature_idx"]), float(node["num_threshold"]), None, nan_left, 0, 0, float(node["count"]))

    lefts = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64)).tolist()
    leaf = lambda i: (float(nodes[i]["value"]), float(nodes[i]["count"]))  # noqa: E731 - beside its twin above
    return tree_of_nodes(lefts, nodes["right"].astype(np.int64).tolist(), split, leaf, 0)


def test_histogram_boosting_with_categories_is_refused() -> None:
    """Converted as numbers, which is exact where there are none."""
    rows, labels = mixed_rows(1_000)

    def fitted(categories: list[int]) -> tuple[Ensemble, Predict]:
        model = HistGradientBoostingClassifier(max_iter=5, categorical_features=categories or None)
        model.fit(rows, labels)
        return _hist_ensemble(model), lambda some: model.decision_function(np.clip(some, -1e308, 1e308))[:, np.newaxis]

    assert _prove(*fitted([]), rows).max_abs_diff == 0.0
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(*fitted([1]), rows)


def test_isotonic_calibration_in_steps_is_refused() -> None:
    """scikit-learn draws lines between its points, where a foreign converter stands still."""
    rng = np.random.default_rng(0)
    scores = rng.random((400, 1))
    model = IsotonicRegression(out_of_bounds="clip").fit(scores[:, 0], rng.random(400) < scores[:, 0])
    steps = [(float(x), float(y)) for x, y in zip(model.X_thresholds_, model.y_thresholds_, strict=True)]
    splits = tuple(
        Split(0, x, None, True, ~i, i + 1 if i < len(steps) - 2 else ~(len(steps) - 1), 1.0)
        for i, (x, _) in enumerate(steps[:-1])
    )
    stairs = Ensemble(1, (Tree(splits, tuple(y for _, y in steps), (1.0,) * len(steps)),))
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(stairs, lambda some: model.predict(np.clip(np.nan_to_num(some[:, 0]), -9, 9))[:, np.newaxis], scores)


def test_forest_thresholds_on_unrounded_rows_are_refused() -> None:
    """A forest rounds its rows to float32; its thresholds, taken as they are, decide otherwise next to them."""
    rows, labels = task_rows(500)
    forest = RandomForestClassifier(3, random_state=0).fit(rows, labels["binary"])
    right = read_forest(forest, (1,))
    model = learned("random_forest", "binary", params={"n_estimators": 3})
    prove(model.export(), model.raw, rows)

    def as_written(split: Split) -> Split:
        return split._replace(threshold=float(np.float32(split.threshold)))

    def predict(some: np.ndarray) -> np.ndarray:
        largest = float(np.finfo(np.float32).max)
        return np.asarray(forest.predict_proba(np.clip(some, -largest, largest))[:, 1:])

    assert _prove(right, predict, rows).max_abs_diff == 0.0
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(right, predict, rows, to_onnx(_altered(right, as_written)))


def _plain_xgboost() -> tuple[bytes, Predict, np.ndarray]:
    """XGBoost as it comes: leaves that float32 does not add exactly."""
    rows, labels = task_rows(500)
    fixed = {"objective": "binary:logistic", "base_score": 0.5, "nthread": 1}
    booster: Booster = train_xgboost(fixed, DMatrix(rows, labels["binary"]), 30)

    def predict(some: np.ndarray) -> np.ndarray:
        largest = float(np.finfo(np.float32).max)
        raws = booster.predict(DMatrix(np.clip(some, -largest, largest)), output_margin=True)
        return np.asarray(raws, dtype=np.float64)[:, np.newaxis]

    return bytes(booster.save_raw("json")), predict, rows


def test_xgboosts_own_sums_are_refused_in_double() -> None:
    """It adds in float32; only leaves on a grid, which the learner publishes, are the same in double."""
    model, predict, rows = _plain_xgboost()
    with pytest.raises(BundleCorruptError, match=WRONG):
        _prove(read_xgboost(model), predict, rows)


def test_at_most_for_less_than_is_refused() -> None:
    """XGBoost goes left where x is less than the threshold, others where it is at most that."""
    model = learned("xgboost", "binary")
    ensemble: Ensemble = model.ensemble  # type: ignore[attr-defined]  # trees have one

    def at_most(split: Split) -> Split:
        return split._replace(
            threshold=math.nextafter(float(np.nextafter(np.float32(split.threshold), np.inf)), math.inf)
        )

    with pytest.raises(BundleCorruptError, match=WRONG):
        prove(model.export()._replace(onnx=to_onnx(_altered(ensemble, at_most))), model.raw, task_rows()[0])


@pytest.mark.parametrize("name", ["logistic_regression", "mlp"])
def test_a_linear_model_or_network_in_float32_is_refused(name: str) -> None:
    """As skl2onnx converts them, 3e-7 off."""
    model = learned(name, "binary")
    with pytest.raises(BundleCorruptError, match=WRONG):
        prove(model.export()._replace(onnx=_through_float32(model.export().onnx)), model.raw, task_rows()[0])


def test_a_row_must_not_depend_on_its_batch() -> None:
    """Within what is allowed of the library, and yet another number alone: no golden row could be replayed."""
    model = learned("ridge", "regression")
    graph = onnx.load_from_string(model.export().onnx)
    (last,) = [node for node in graph.graph.node if node.output[0] == MODEL_OUTPUT]
    last.output[0] = "own"
    graph.graph.node.extend(
        [
            helper.make_node("Shape", [MODEL_INPUT], ["shape"], start=0, end=1),
            helper.make_node("Cast", ["shape"], ["count"], to=TensorProto.DOUBLE),
            helper.make_node("Mul", ["count", "tiny"], ["shift"]),
            helper.make_node("Add", ["own", "shift"], [MODEL_OUTPUT]),
        ]
    )
    graph.graph.initializer.append(helper.make_tensor("tiny", TensorProto.DOUBLE, [], [1e-12]))
    with pytest.raises(BundleCorruptError, match="for a row alone"):
        prove(model.export()._replace(onnx=bytes(graph.SerializeToString())), model.raw, task_rows()[0])


def test_a_model_of_another_shape_is_refused() -> None:
    """One output for three classes."""
    of_three, of_one = learned("lightgbm", "multiclass"), learned("lightgbm", "binary")
    with pytest.raises(BundleCorruptError, match=WRONG):
        prove(of_three.export()._replace(onnx=of_one.export().onnx), of_three.raw, task_rows()[0])
