"""Pictures of a model on its test rows: what its task shows of its scores, and the importance of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from features.model_file import ModelSpec

_BINS = 10
_MOST_IMPORTANT = 20


def draw_scores(folder: Path, spec: ModelSpec, labels: np.ndarray, scores: np.ndarray) -> None:
    """Write PNG files of scores ``[n, outputs]`` into a folder, as the task has it."""
    if spec.task == "binary":
        _draw_probabilities(folder, labels, scores[:, 0])
    elif spec.task == "multiclass":
        _draw_classes(folder, spec.classes, labels, scores)
    else:
        _draw_values(folder, labels, scores[:, 0])


def draw_importance(folder: Path, names: Sequence[str], importance: np.ndarray) -> None:
    """Write the PNG file of the most important inputs."""

    def most_important(axes: Any) -> None:
        order = np.argsort(importance)[-_MOST_IMPORTANT:]
        axes.barh([names[i] for i in order], importance[order])
        axes.set(title="Importance", xlabel="share")

    _draw(folder / "importance.png", most_important)


def _draw_probabilities(folder: Path, labels: np.ndarray, scores: np.ndarray) -> None:
    def precision_recall(axes: Any) -> None:
        precision, recall, _ = precision_recall_curve(labels, scores)
        axes.plot(recall, precision)
        axes.axhline(float(labels.mean()), linestyle=":", color="grey")
        axes.set(title="Precision and recall", xlabel="recall", ylabel="precision")

    def calibration(axes: Any) -> None:
        happened, predicted = calibration_curve(labels, scores, n_bins=_BINS, strategy="quantile")
        axes.plot(predicted, happened, marker="o")
        axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
        axes.set(title="Calibration (tenths of the rows)", xlabel="mean score", ylabel="share that happened")

    _draw(folder / "roc.png", lambda axes: _roc(axes, labels, scores))
    _draw(folder / "precision_recall.png", precision_recall)
    _draw(folder / "calibration.png", calibration)


def _draw_classes(folder: Path, classes: Sequence[str], labels: np.ndarray, scores: np.ndarray) -> None:
    def each_against_the_rest(axes: Any) -> None:
        for number in np.unique(labels).astype(int).tolist():
            _roc(axes, labels == number, scores[:, number], classes[number])
        axes.legend()

    def confusion(axes: Any) -> None:
        numbers = np.arange(len(classes))
        counts = confusion_matrix(labels, scores.argmax(axis=1), labels=numbers)
        axes.imshow(counts, cmap="Blues")
        for row, column in np.ndindex(counts.shape):
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center")
        axes.set(title="Confusion", xlabel="decided", ylabel="happened")
        axes.set_xticks(numbers, classes)
        axes.set_yticks(numbers, classes)

    _draw(folder / "roc.png", each_against_the_rest)
    _draw(folder / "confusion.png", confusion)


def _draw_values(folder: Path, labels: np.ndarray, scores: np.ndarray) -> None:
    def predicted_vs_actual(axes: Any) -> None:
        axes.scatter(labels, scores, s=4)
        axes.axline((float(labels.mean()), float(labels.mean())), slope=1.0, linestyle=":", color="grey")
        axes.set(title="Predicted against actual", xlabel="actual", ylabel="predicted")

    _draw(folder / "predicted_vs_actual.png", predicted_vs_actual)


def _roc(axes: Any, labels: np.ndarray, scores: np.ndarray, name: str = "") -> None:
    false_positive, true_positive, _ = roc_curve(labels, scores)
    axes.plot(false_positive, true_positive, label=name)
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")


def _draw(path: Path, draw: Callable[[Any], None]) -> None:
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots())
    figure.savefig(path, dpi=100)
