"""Which pictures there are of a training, and under which names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from features.head import UNSUPERVISED
from features.shapley import Explainer
from offline_training.evaluation import Judgement, Outcomes
from offline_training.explanations import Sample, choose_samples, contributions_of, fit_surrogate
from offline_training.plots.calibration import draw_calibration
from offline_training.plots.curves import draw_coverage, draw_lift, draw_precision_recall, draw_roc
from offline_training.plots.errors import draw_confusion, draw_predicted_vs_actual, draw_residuals
from offline_training.plots.fairness import draw_fairness
from offline_training.plots.importance import draw_importance, draw_robustness
from offline_training.plots.shapley import draw_shap_summary, draw_shap_waterfall
from offline_training.plots.surrogate import draw_surrogate
from offline_training.plots.unlabelled import draw_anomaly_scores, draw_clusters

_EXPLAINED_ROWS: Final = 1_000
_BACKGROUND_ROWS: Final = 2_000


class Explained(NamedTuple):
    """The published model as it is explained: its tested rows, scores ``[n, outputs]``, and exact values if known."""

    names: Sequence[str]
    rows: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]
    explainer: Explainer | None


def draw_figures(
    folder: Path,
    outcomes: Outcomes,
    judgement: Judgement,
    classes: Sequence[str],
    names: Sequence[str],
    importance: np.ndarray,
    *,
    quick: bool,
) -> list[Path]:
    """How good it is; a quick training draws few of them. ``classes`` are the names of the labels 0, 1 and so on."""
    drawn = [draw_importance(folder / "feature_importance_model.png", names, importance)]
    if outcomes.task in UNSUPERVISED:
        return [*drawn, *_unlabelled(folder, outcomes, judgement, classes)]
    if outcomes.task != "regression":
        drawn += [
            draw_roc(folder / "roc_curve.png", outcomes, classes),
            draw_precision_recall(folder / "precision_recall_curve.png", outcomes, classes),
            draw_calibration(folder / "calibration_curve.png", outcomes, classes),
        ]
    return [*drawn, *([] if quick else _further(folder, outcomes, judgement, classes))]


def draw_explanations(
    folder: Path, outcomes: Outcomes, classes: Sequence[str], model: Explained, seed: int
) -> list[Path]:
    """Why it scores as it does: Shapley values, where exact ones are known, and local surrogates of a few rows."""
    return [
        *_shapley(folder, outcomes, classes, model),
        *_surrogates(folder, outcomes, classes, model, seed),
    ]


def _further(folder: Path, outcomes: Outcomes, judgement: Judgement, classes: Sequence[str]) -> Iterator[Path]:
    yield draw_predicted_vs_actual(folder / "predicted_vs_actual.png", outcomes, classes)
    yield draw_residuals(folder / "residual_plot.png", outcomes)
    if outcomes.task != "regression":
        yield draw_confusion(folder / "confusion_matrix.png", outcomes, classes)
        yield draw_lift(folder / "lift_curve.png", outcomes, classes)
        wanted = [target.wanted for target in judgement.targets if target.figure == "accuracy"]
        yield draw_coverage(folder / "accuracy_by_coverage.png", outcomes, next(iter(wanted), None))
    if judgement.robustness:
        yield draw_robustness(folder / "robustness.png", judgement.robustness)
    yield from _of_groups(folder, judgement)


def _unlabelled(folder: Path, outcomes: Outcomes, judgement: Judgement, classes: Sequence[str]) -> Iterator[Path]:
    """What there is to see without labels."""
    if outcomes.task == "clustering":
        yield draw_clusters(folder / "clusters.png", outcomes, classes)
    else:
        yield draw_anomaly_scores(folder / "anomaly_scores.png", outcomes)
    yield from _of_groups(folder, judgement)


def _of_groups(folder: Path, judgement: Judgement) -> Iterator[Path]:
    for found in judgement.fairness:
        yield draw_fairness(folder / f"fairness_{_file_word(found.column)}.png", found)


def _shapley(folder: Path, outcomes: Outcomes, classes: Sequence[str], model: Explained) -> Iterator[Path]:
    explainer, outputs = model.explainer, range(len(classes) if outcomes.task == "multiclass" else 1)
    if explainer is None:
        return
    some = _some(model.rows, _EXPLAINED_ROWS)
    of_outputs = [contributions_of(explainer, some, output) for output in outputs]
    yield draw_shap_summary(folder / "shap_summary.png", model.names, of_outputs, classes)
    for n, sample in enumerate(choose_samples(outcomes)):
        found = contributions_of(explainer, model.rows[[sample.row]], sample.output)
        title = _title(n, sample, outcomes, classes)
        yield draw_shap_waterfall(folder / f"shap_waterfall_sample_{n}.png", model.names, found, title)


def _surrogates(
    folder: Path, outcomes: Outcomes, classes: Sequence[str], model: Explained, seed: int
) -> Iterator[Path]:
    background = _some(model.rows, _BACKGROUND_ROWS)
    for n, sample in enumerate(choose_samples(outcomes)):
        row, output = model.rows[sample.row], sample.output
        found = fit_surrogate(_one_output(model.score, output), row, background, seed=seed)
        title = _title(n, sample, outcomes, classes)
        yield draw_surrogate(folder / f"lime_explanation_sample_{n}.png", model.names, row, found, title)


def _one_output(score: Callable[[np.ndarray], np.ndarray], output: int) -> Callable[[np.ndarray], np.ndarray]:
    """Scores ``[n]`` of one output."""
    return lambda rows: score(rows)[:, output]


def _some(rows: np.ndarray, n: int) -> np.ndarray:
    """At most so many rows, evenly spread."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), n)).astype(np.int64)]


def _title(n: int, sample: Sample, outcomes: Outcomes, classes: Sequence[str]) -> str:
    """Why the row is shown, and what came of it."""
    label = float(outcomes.labels[sample.row])
    happened = f"{label:.4g}" if outcomes.task == "regression" else classes[int(label)]
    what = f", for {classes[sample.output]}" if outcomes.task == "multiclass" else ""
    return f"Sample {n}: {sample.why}{what}; what happened: {happened}"


def _file_word(column: str) -> str:
    """A column as a part of a file's name."""
    return re.sub(r"[^\w.-]", "_", column)
