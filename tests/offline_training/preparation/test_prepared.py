"""Every learner behind every step, for every task: one exact model, explained by its inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.approval.onnx_scan import faults_of
from features.bundle import MODEL_COLUMNS, MODEL_INPUT
from features.errors import BundleCorruptError, DomainError
from features.head import Task, to_scores
from features.model_file import CategorySpec, PreparationSpec, RatioSpec, SplitSpec
from features.shapley import LinearTables, open_explainer, write_explanation
from offline_training.fitting import fit
from offline_training.learners import LEARNERS, OF_EXTRAS, Sample, Validation
from offline_training.loss import mean_loss
from offline_training.preparation import Prepared, prepared
from offline_training.proof import open_session, prove
from offline_training.search.problem import Candidate
from offline_training.search.trial import SCORE, run_trial
from tests.offline_training.learners.tasks import EXPLAINED, LABELLED, N_CLASSES, SMALL, TREES
from tests.offline_training.preparation.shop_rows import NAMES, PREPARATION, shop_rows
from tests.offline_training.search.problems import small_problem
from tests.offline_training.test_fitting import _dataset, _quiet, _spec

every = pytest.mark.parametrize(("name", "task"), [pair for pair in LABELLED if pair[0] not in OF_EXTRAS])


def _fit(name: str, task: Task, seed: int = 3) -> Prepared:
    rows, labels = shop_rows()
    learner = prepared(LEARNERS[name], PREPARATION, NAMES)
    model = learner.fit(Sample(rows, labels[task], task, N_CLASSES[task]), SMALL.get(name, {}), seed=seed)
    assert isinstance(model, Prepared)
    return model


@every
def test_its_onnx_model_is_the_trained_one(name: str, task: Task, tmp_path: Path) -> None:
    """Within what the learner states (trees: bit for bit), columns bit for bit, a row alone as in a batch.

    Of operators, and of sizes, that the security scan knows.
    """
    model = _fit(name, task)
    exported = model.export()
    proof = prove(exported, model.raw, shop_rows(seed=8)[0])
    assert exported.max_abs_diff == (0.0 if name in TREES else 1e-9)
    assert proof.max_abs_diff <= exported.max_abs_diff
    rows = proof.golden.features
    (columns,) = open_session(exported.onnx).run([MODEL_COLUMNS], {MODEL_INPUT: rows})
    assert exported.columns_of is not None
    assert columns.tobytes() == np.array([exported.columns_of(row) for row in rows]).tobytes()
    if not isinstance(exported.explanation, LinearTables):
        assert columns.tobytes() == model.steps.apply(rows).tobytes()
    assert exported.onnx == _fit(name, task).export().onnx
    (tmp_path / "model.onnx").write_bytes(exported.onnx)
    assert list(faults_of(tmp_path / "model.onnx")) == []


@every
def test_importance_is_of_the_inputs(name: str, task: Task) -> None:
    """Shares that sum to one, the city's among the largest, which decides the labels."""
    importance = _fit(name, task).importance
    assert importance.shape == (len(NAMES),)
    assert importance.sum() == pytest.approx(1.0)
    assert name == "mlp" or NAMES[int(np.argmax(importance))] == "v:city"


@pytest.mark.parametrize(("name", "task"), EXPLAINED)
def test_a_model_is_explained_by_inputs(name: str, task: Task, tmp_path: Path) -> None:
    """Base and the contributions of the inputs sum to each raw score, as those of the columns do."""
    model = _fit(name, task)
    exported = model.export()
    golden = prove(exported, model.raw, shop_rows(seed=8)[0]).golden
    n_outputs = golden.raw_scores.shape[1]
    path, session = tmp_path / "explain.npz", open_session(exported.onnx)
    write_explanation(path, exported.explanation, exported.shares)
    columns_of = lambda row: session.run([MODEL_COLUMNS], {MODEL_INPUT: row[np.newaxis]})[0][0]  # noqa: E731
    explainer = open_explainer(path, len(NAMES), n_outputs, columns_of)
    assert explainer is not None
    for row, raws in zip(golden.features[::60], golden.raw_scores[::60].tolist(), strict=True):
        for output, raw in enumerate(raws):
            found = explainer.contributions(row, output)
            assert found.shape == (len(NAMES),)
            assert explainer.base(output) + found.sum() == pytest.approx(raw, abs=1e-9, rel=1e-9)
    with pytest.raises(BundleCorruptError, match="not at hand"):
        open_explainer(path, len(NAMES), n_outputs)
    with pytest.raises(BundleCorruptError, match="5 features"):
        open_explainer(path, 5, n_outputs, columns_of)


@pytest.mark.parametrize("name", ["lightgbm", "logistic_regression"])
def test_steps_help_where_categories_decide(name: str) -> None:
    """Labels that a city decides are learnt better from its code, on rows that the model has not seen."""
    (rows, labels), (later, later_labels) = shop_rows(), shop_rows(seed=9)
    plain = LEARNERS[name].fit(Sample(rows, labels["binary"], "binary", 2), SMALL.get(name, {}), seed=3)
    losses = [
        mean_loss("binary", later_labels["binary"], to_scores(model.link, model.raw(later)))
        for model in (_fit(name, "binary"), plain)
    ]
    assert losses[0] < losses[1] - 0.01


def test_the_rows_of_a_validation_teach_the_steps_nothing() -> None:
    """They are encoded as if scored: their labels only say when to stop."""
    (rows, labels), (later, later_labels) = shop_rows(600), shop_rows(300, seed=5)
    learner = prepared(LEARNERS["lightgbm"], PREPARATION, NAMES)
    sample, validation = Sample(rows, labels["binary"], "binary", 2), Validation(later, later_labels["binary"])
    stopped = learner.fit(sample, {"num_iterations": 300}, seed=3, validation=validation)
    again = learner.fit(sample, stopped.params, seed=3)
    assert again.export().onnx == stopped.export().onnx
    assert 1 <= int(stopped.params["num_iterations"]) < 300


def test_a_calibrated_model_behind_steps_is_one_model(tmp_path: Path) -> None:
    """Steps, trees and map in a row: proven, and explained by inputs; the map's folds fit steps of their own."""
    steps = PreparationSpec(
        ratios={"r": RatioSpec(numerator="v:strong", denominator="v:weak")}, categories={"v:noise": CategorySpec()}
    )
    data = _dataset()
    fitted = fit(data, _spec(preparation=steps, calibration="platt", split=SplitSpec(test_span="10d")), _quiet)
    exported, golden = fitted.exported, fitted.proof.golden
    session, path = open_session(exported.onnx), tmp_path / "explain.npz"
    write_explanation(path, exported.explanation, exported.shares)
    explainer = open_explainer(
        path, 3, 1, lambda row: session.run([MODEL_COLUMNS], {MODEL_INPUT: row[np.newaxis]})[0][0]
    )
    assert explainer is not None
    assert fitted.learned.importance.shape == (3,)
    for row, (raw,) in zip(golden.features[::60], golden.raw_scores[::60].tolist(), strict=True):
        assert explainer.base(0) + explainer.contributions(row, 0).sum() == pytest.approx(raw, abs=1e-9)


def test_a_search_tries_learners_behind_the_steps() -> None:
    """What a ratio decides, a linear model can only say where it is given the ratio."""
    problem = small_problem(
        algorithms=("logistic_regression",), given=Candidate("logistic_regression", {}), metric="roc_auc"
    )
    labels = (problem.rows[:, 0] / problem.rows[:, 1] > 0).astype(np.float64)
    steps = PreparationSpec(ratios={"r": RatioSpec(numerator="strong", denominator="weak")})
    plain, behind = (
        run_trial(problem._replace(labels=labels, preparation=told), 0, [], is_over=lambda: False)
        for told in (PreparationSpec(), steps)
    )
    assert plain is not None
    assert behind is not None
    assert plain.user_attrs[SCORE] < 0.7
    assert behind.user_attrs[SCORE] > 0.95


def test_without_steps_a_learner_is_as_it_is() -> None:
    """No step is taken that is not declared; a step of no input is refused."""
    learner = LEARNERS["lightgbm"]
    assert prepared(learner, PreparationSpec(), NAMES) is learner
    with pytest.raises(DomainError, match="v:at_s is no input"):
        prepared(learner, PREPARATION, NAMES[1:])
