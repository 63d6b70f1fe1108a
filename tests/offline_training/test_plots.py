"""Pictures: under the names that are promised, for every task; names are words, whatever is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from features.head import Task
from features.shapley import LinearTables, explainer_of
from offline_training.evaluation import Judgement, Outcomes
from offline_training.evaluation.fairness import fairness_of
from offline_training.evaluation.intervals import intervals
from offline_training.evaluation.robustness import Disturbance
from offline_training.explanations import Contributions
from offline_training.plots import draw_explanations, draw_figures
from offline_training.plots.gallery import Explained
from offline_training.plots.shapley import draw_shap_summary
from tests.offline_training.evaluation.made_up import outcomes_of

NAMES = ("v:one", "v:two", "purchase_history:the_seconds_since_the_last_of_all_purchases")
CLASSES: dict[Task, tuple[str, ...]] = {
    "binary": ("stays", "churns $^$"),
    "multiclass": ("red", "green $^$", "blue"),
    "regression": (),
}
ALWAYS = {"feature_importance_model", "predicted_vs_actual", "residual_plot", "robustness", "fairness_site_1"}
OF_CLASSES = {
    "accuracy_by_coverage", "calibration_curve", "confusion_matrix", "lift_curve", "precision_recall_curve", "roc_curve"
}  # fmt: skip


def _has_a_margin(picture: Path) -> bool:
    """Whether the outermost pixels are all empty: what is cut off reaches them."""
    pixels = imread(picture)[:, :, :3]
    return all((edge == 1.0).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def _judgement(outcomes: Outcomes) -> Judgement:
    column = np.array(["a $^$", "b"] * (len(outcomes.labels) // 2), dtype=object)
    return Judgement(
        task=outcomes.task,
        rows=len(outcomes.labels),
        threshold=0.5,
        figures=intervals(outcomes, seed=0, resamples=10),
        targets=(),
        segments=(),
        robustness=(Disturbance(what="without v:one", figure="roc_auc", value=0.6, loss=0.1),),
        fairness=fairness_of(outcomes, {"site/1": column}),
        gates=(),
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_training_draws_what_its_task_can_show(task: Task, tmp_path: Path) -> None:
    """Whole PNG files, and no leftover of writing them."""
    outcomes = outcomes_of(task)
    importance = np.array([0.5, 0.3, 0.2])
    drawn = draw_figures(tmp_path, outcomes, _judgement(outcomes), CLASSES[task], NAMES, importance, quick=False)
    assert {path.stem for path in drawn} == ALWAYS | (OF_CLASSES if task != "regression" else set())
    assert sorted(drawn) == sorted(tmp_path.iterdir())
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    assert all(_has_a_margin(path) for path in drawn)


def test_a_quick_training_draws_few(tmp_path: Path) -> None:
    """Curves and importance."""
    outcomes = outcomes_of("binary")
    drawn = draw_figures(tmp_path, outcomes, _judgement(outcomes), CLASSES["binary"], NAMES, np.ones(3) / 3, quick=True)
    assert {path.stem for path in drawn} == {
        "feature_importance_model",
        "roc_curve",
        "precision_recall_curve",
        "calibration_curve",
    }


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_explanations_are_numbered_from_nought(task: Task, tmp_path: Path) -> None:
    """A summary, then a waterfall and a surrogate for each sample; without exact values the surrogates alone."""
    outcomes = outcomes_of(task)
    n_outputs = len(CLASSES[task]) if task == "multiclass" else 1
    weights = np.random.default_rng(0).normal(size=(n_outputs, 3))
    rows = np.random.default_rng(1).normal(size=(len(outcomes.labels), 3))
    rows[::7, 1] = np.nan
    tables = LinearTables(weights, np.zeros(n_outputs), np.zeros(3), np.zeros(3))
    model = Explained(NAMES, rows, lambda some: np.nan_to_num(some) @ weights.T, explainer_of(tables, 3, n_outputs))
    drawn = {path.name for path in draw_explanations(tmp_path, outcomes, CLASSES[task], model, seed=0)}
    samples = len([name for name in drawn if name.startswith("shap_waterfall")])
    assert drawn == {
        "shap_summary.png",
        *(f"shap_waterfall_sample_{n}.png" for n in range(samples)),
        *(f"lime_explanation_sample_{n}.png" for n in range(samples)),
    }
    assert samples >= 2
    assert all(_has_a_margin(tmp_path / name) for name in drawn)
    inexact = draw_explanations(tmp_path, outcomes, CLASSES[task], model._replace(explainer=None), seed=0)
    assert {path.name for path in inexact} == {f"lime_explanation_sample_{n}.png" for n in range(samples)}


def test_contributions_that_differ_by_rounding_are_drawn(tmp_path: Path) -> None:
    """A feature that is one value in all explained rows has such, in sums of another order."""
    values = np.full((50, 1), 0.05)
    values[::2] = np.nextafter(0.05, 1.0)
    drawn = draw_shap_summary(tmp_path / "shap.png", ["v:one"], [Contributions(0.0, values, np.ones((50, 1)))], ())
    assert _has_a_margin(drawn)
