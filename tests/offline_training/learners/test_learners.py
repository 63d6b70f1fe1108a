"""Every learner, for every task that it can do, under the same laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import DomainError
from features.golden import first_difference
from features.head import Task, to_scores
from features.shapley import explainer_of, open_explainer, write_explanation
from offline_training.learners import LEARNERS, Params, Sample, Validation, learner_of
from offline_training.loss import mean_loss
from offline_training.proof import MIN_ROWS, open_session, prove, raw_scores
from tests.offline_training.learners.tasks import (
    ACCEPTED,
    EXACT,
    EXPLAINED,
    LABELLED,
    N_CLASSES,
    PAIRS,
    SMALL,
    edges,
    learned,
    rows_of,
    task_rows,
)

every = pytest.mark.parametrize(("name", "task"), PAIRS)
labelled = pytest.mark.parametrize(("name", "task"), LABELLED)


@every
def test_its_onnx_model_is_the_trained_one(name: str, task: Task) -> None:
    """Trees bit for bit, others within 1e-9; on 10,000 rows or more, and a row alone gives a batch's bits."""
    model = learned(name, task)
    exported = model.export()
    proof = prove(exported, model.raw, rows_of(name)[0])
    assert proof.n_rows >= MIN_ROWS
    assert exported.max_abs_diff == (0.0 if name in EXACT else 1e-9)
    assert proof.max_abs_diff <= exported.max_abs_diff
    assert (
        first_difference(proof.golden.raw_scores, raw_scores(open_session(exported.onnx), proof.golden.features))
        is None
    )
    assert np.isfinite(proof.golden.raw_scores).all()


@every
def test_the_same_seed_gives_the_same_bytes(name: str, task: Task) -> None:
    """Of the whole ONNX file."""
    assert learned(name, task).export().onnx == learned(name, task).export().onnx


@labelled
def test_it_learns(name: str, task: Task) -> None:
    """Its loss on rows that it has not seen is well below that of saying the same of each."""
    rows, labels = rows_of(name, seed=9)
    model = learned(name, task)
    scores = to_scores(model.link, model.raw(rows))
    happened = labels[task]
    shares = np.bincount(happened.astype(int)) / len(happened) if task != "regression" else np.array([happened.mean()])
    constant = np.tile(shares[1:] if task == "binary" else shares, (len(rows), 1))
    assert scores.shape == constant.shape
    assert mean_loss(task, happened, scores) < 0.9 * mean_loss(task, happened, constant)
    assert model.importance.shape == (6,)
    assert model.importance.sum() == pytest.approx(1.0)
    assert model.importance.min() >= 0.0


@labelled
def test_a_refit_stops_where_validation_stopped_it(name: str, task: Task) -> None:
    """What a fit with validation chose needs no validation any more: the same rows give the same model."""
    (rows, labels), (later, later_labels) = rows_of(name, 600), rows_of(name, 300, seed=5)
    losses: list[tuple[int, float]] = []
    validation = Validation(later, later_labels[task], report=lambda step, loss: losses.append((step, loss)))
    many = {"num_iterations": 300, "n_estimators": 300, "epochs": 100, "learning_rate": 0.03}
    stops = name in {"lightgbm", "xgboost", "mlp", "deep_mlp", "cnn"}
    params = {key: many.get(key, value) if stops else value for key, value in SMALL.get(name, {}).items()}
    sample = Sample(rows, labels[task], task, N_CLASSES[task])
    stopped = LEARNERS[name].fit(sample, params, seed=3, validation=validation)
    again = LEARNERS[name].fit(sample, stopped.params, seed=3)
    assert again.export().onnx == stopped.export().onnx
    if stops:
        assert stopped.params != params
        assert [step for step, _ in losses] == list(range(len(losses)))
        found = mean_loss(task, later_labels[task], to_scores(stopped.link, stopped.raw(later)))
        assert min(loss for _, loss in losses) == pytest.approx(found, rel=1e-3)
    else:
        assert losses == []


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "mlp", "deep_mlp", "cnn"])
def test_a_report_may_end_the_fit(name: str) -> None:
    """As a search does with a trial that is not worth going on with."""
    rows, labels = rows_of(name, 400)

    def prune(step: int, loss: float) -> None:
        raise TimeoutError(step)

    validation = Validation(rows, labels["binary"], report=prune)
    with pytest.raises(TimeoutError, match="0"):
        learned(name, "binary", validation=validation)


@labelled
def test_weights_are_heard(name: str, task: Task) -> None:
    """Rows that weigh a thousand times more are those that the model is right about."""
    rows, labels = rows_of(name)
    heavy = np.where(np.arange(len(rows)) % 2, 1_000.0, 1.0)
    contrary = np.where(heavy > 1.0, labels[task], labels[task].max() - labels[task])
    params = {**SMALL.get(name, {}), **({"epochs": 30} if name in {"mlp", "deep_mlp", "cnn"} else {})}
    model = LEARNERS[name].fit(Sample(rows, contrary, task, N_CLASSES[task], heavy), params, seed=3)
    scores, right = to_scores(model.link, model.raw(rows)), heavy > 1.0
    assert mean_loss(task, contrary[right], scores[right]) < mean_loss(task, contrary[~right], scores[~right])


@pytest.mark.parametrize(("name", "task"), EXPLAINED)
def test_a_model_is_explained(name: str, task: Task, tmp_path: Path) -> None:
    """By exact Shapley values: base and contributions sum to each raw score within 1e-9 of its size."""
    model = learned(name, task)
    exported = model.export()
    path = tmp_path / "explain.npz"
    write_explanation(path, exported.explanation, exported.shares)
    golden = prove(exported, model.raw, task_rows()[0]).golden
    n_outputs = golden.raw_scores.shape[1]
    explainer = open_explainer(path, 6, n_outputs, exported.columns_of)
    assert explainer is not None
    for row, raws in zip(golden.features[::40], golden.raw_scores[::40].tolist(), strict=True):
        for output, raw in enumerate(raws):
            total = explainer.base(output) + explainer.contributions(row, output).sum()
            assert total == pytest.approx(raw, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize(("name", "task"), [("logistic_regression", "multiclass"), ("ridge", "regression")])
def test_what_a_feature_of_a_linear_model_contributes_is_its_own(name: str, task: Task) -> None:
    """It is nought over the training rows, and follows no other feature; an absence counts as its feature's."""
    exported, (rows, _) = learned(name, task).export(), task_rows()
    assert exported.explanation is not None
    n_outputs = 3 if task == "multiclass" else 1
    explainer = explainer_of(exported.explanation, 6, n_outputs, exported.shares, exported.columns_of)
    found = np.array([explainer.contributions(row, 0) for row in rows])
    assert np.abs(found.mean(axis=0)).max() < 1e-7 * np.abs(found).max()  # of epoch seconds, a mean is that exact
    assert np.abs(found[:, 5]).max() < 1e-9  # it is constant
    changed = rows[np.isnan(rows[:, 1])][0].copy()
    absent = explainer.contributions(changed, 0)
    changed[1] = np.nanmedian(rows[:, 1])  # what stands for an absent value
    present = explainer.contributions(changed, 0)
    assert np.flatnonzero(absent != present).tolist() == [1]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_parameter_that_it_does_not_take_is_refused(name: str) -> None:
    """By name, with those that there are."""
    with pytest.raises(DomainError, match=r"params\.n_jobs.*it takes"):
        LEARNERS[name].check({"n_jobs": 4})
    LEARNERS[name].check(SMALL.get(name, {}))


@pytest.mark.parametrize(
    ("name", "params", "says"),
    [
        ("lightgbm", {"learning_rate": "fast"}, "learning_rate: is 'fast'; write a number above 0"),
        ("lightgbm", {"learning_rate": "1e-3"}, "write a number above 0 (YAML takes 1e-3 and 1.0e3 for texts"),
        ("lightgbm", {"num_leaves": 1}, "num_leaves: is 1; write a whole number from 2 to 131072"),
        ("lightgbm", {"feature_fraction": 0.0}, "feature_fraction: is 0.0; write a number above 0, up to 1"),
        ("lightgbm", {"extra_trees": 1}, "extra_trees: is 1; write true or false"),
        ("xgboost", {"learning_rate": float("inf")}, "learning_rate: is inf"),
        ("xgboost", {"subsample": 1.5}, "subsample: is 1.5; write a number above 0, up to 1"),
        ("xgboost", {"grow_policy": "leafwise"}, "grow_policy: is 'leafwise'; write depthwise or lossguide"),
        ("xgboost", {"n_estimators": 10.0}, "n_estimators: is 10.0; write a whole number from 1 on"),
        (
            "random_forest",
            {"max_features": "all"},
            "max_features: is 'all'; write a whole number from 1 on or a number",
        ),
        (
            "random_forest",
            {"min_samples_leaf": 1.0},
            "is 1.0; write a whole number from 1 on or a number above 0, below 1",
        ),
        (
            "random_forest",
            {"min_samples_split": 1},
            "min_samples_split: is 1; write a whole number from 2 on or a number above 0, up to 1",
        ),
        ("random_forest", {"max_leaf_nodes": 2**31}, "max_leaf_nodes: is 2147483648; write a whole number from 2 on"),
        ("random_forest", {"bootstrap": False, "max_samples": 10}, "max_samples: does nothing alone; set bootstrap"),
        ("extra_trees", {"max_samples": 0.5}, "max_samples: does nothing alone; set bootstrap"),
        ("logistic_regression", {"C": 0}, "C: is 0; write a number above 0"),
        ("ridge", {"alpha": True}, "alpha: is True; write a number from 0 on"),
        ("mlp", {"epochs": 0}, "epochs: is 0; write a whole number from 1 on"),
        ("kmeans", {"n_clusters": 1}, "n_clusters: is 1; write a whole number from 2 on"),
        ("kmeans", {"n_clusters": 2.5}, "n_clusters: is 2.5; write a whole number from 2 on"),
        ("kmeans", {"n_init": "many"}, "n_init: is 'many'; write a whole number from 1 on"),
        ("isolation_forest", {"max_samples": 1}, "max_samples: is 1; write a whole number from 2 on"),
        ("isolation_forest", {"max_samples": 0.5}, "max_samples: is 0.5; write a whole number from 2 on"),
        ("isolation_forest", {"n_estimators": 0}, "n_estimators: is 0; write a whole number from 1 on"),
        ("isolation_forest", {"bootstrap": "yes"}, "bootstrap: is 'yes'; write true or false"),
    ],
)
def test_what_a_parameter_cannot_be_is_refused(name: str, params: Params, says: str) -> None:
    """By name, with what to write."""
    with pytest.raises(DomainError) as refused:
        LEARNERS[name].check(params)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("name", "param", "value"),
    [
        (name, param, value)
        for name in LEARNERS
        for param, kind in ACCEPTED[name].items()
        for value in edges(kind)
        if (param, value) != ("blocks", 8)  # for which pictures of six pixels are too small
    ],
)
def test_what_is_accepted_can_be_fitted(name: str, param: str, value: bool | float | str) -> None:
    """At each bound of a parameter, with what it needs beside it; nothing that a library refuses comes that far."""
    beside: dict[str, Params] = {"bagging_fraction": {"bagging_freq": 1}, "max_samples": {"bootstrap": True}}
    params = {**SMALL.get(name, {}), **beside.get(param, {}), param: value}
    LEARNERS[name].check(params)
    rows, labels = rows_of(name, 300)
    task = min(LEARNERS[name].tasks)
    validation = Validation(rows, labels[task]) if param.startswith("early_stopping") else None
    sample = Sample(rows, labels[task], task, N_CLASSES[task])
    assert len(LEARNERS[name].fit(sample, params, seed=3, validation=validation).raw(rows)) == len(rows)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("lightgbm", {"bagging_fraction": 1e-6, "bagging_freq": 1}),
        ("xgboost", {"reg_lambda": 1e300}),
    ],
)
def test_what_a_library_refuses_of_these_rows_is_told(name: str, params: Params) -> None:
    """A share of which no row is left, a number beyond its own."""
    rows, labels = rows_of(name, 120)
    with pytest.raises(DomainError, match=f"algorithm: {name}: cannot learn from these rows"):
        LEARNERS[name].fit(Sample(rows, labels["binary"], "binary", 2), params, seed=3)


def test_an_algorithm_that_cannot_do_the_task_is_refused() -> None:
    """With those that can."""
    with pytest.raises(DomainError, match=r"ridge cannot learn a binary model; choose of lightgbm, .*mlp"):
        learner_of("ridge", "binary")
    with pytest.raises(DomainError, match="svm cannot learn"):
        learner_of("svm", "regression")


@pytest.mark.parametrize("name", ["kmeans", "mlp", "logistic_regression"])
def test_a_number_that_stands_for_none_makes_no_model_of_nothing(name: str) -> None:
    """The largest double there is, as some databases have it for no value: it is scaled, or refused in words."""
    rows, labels = task_rows(400)
    rows[::9, 0] = np.finfo(np.float64).max
    task: Task = "clustering" if name == "kmeans" else "binary"
    sample = Sample(rows, labels.get(task, np.full(len(rows), np.nan)), task, N_CLASSES[task])
    if name == "kmeans":
        with pytest.raises(DomainError, match="too large or tiny to be scaled"):
            LEARNERS[name].fit(sample, SMALL[name], seed=0)
        return
    model = LEARNERS[name].fit(sample, SMALL.get(name, {}), seed=0)
    proof = prove(model.export(), model.raw, rows)
    assert np.isfinite(proof.golden.raw_scores).all()
