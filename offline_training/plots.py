"""Pictures of a model on its test rows: ROC, precision and recall, calibration, importance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

_BINS = 10
_MOST_IMPORTANT = 20


def draw_plots(
    folder: Path, labels: np.ndarray, scores: np.ndarray, names: Sequence[str], importance: np.ndarray
) -> list[Path]:
    """Write four PNG files; returns their paths."""

    def roc(axes: Any) -> None:
        false_positive, true_positive, _ = roc_curve(labels, scores)
        axes.plot(false_positive, true_positive)
        axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
        axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")

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

    def gain(axes: Any) -> None:
        order = np.argsort(importance)[-_MOST_IMPORTANT:]
        axes.barh([names[i] for i in order], importance[order])
        axes.set(title="Importance", xlabel="share of gain")

    return [
        _draw(folder / "roc.png", roc),
        _draw(folder / "precision_recall.png", precision_recall),
        _draw(folder / "calibration.png", calibration),
        _draw(folder / "importance.png", gain),
    ]


def _draw(path: Path, draw: Callable[[Any], None]) -> Path:
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots())
    figure.savefig(path, dpi=100)
    return path
