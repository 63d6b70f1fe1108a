"""Curves of a ranking: ROC, precision and recall, lift, and accuracy by how many rows are decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.selective import selective_curve
from offline_training.plots.canvas import BLUE, COLOURS, GREEN, GREY, ORANGE, SQUARE, draw


class _Ranked(NamedTuple):
    """One class against the others."""

    name: str
    colour: str
    happened: np.ndarray
    scores: np.ndarray


def draw_roc(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """True by false positives, one curve a class where there are several."""

    def plot(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], linestyle=":", color=GREY, label="by chance")
        for ranked in _each_class(outcomes, classes):
            false_positive, true_positive, _ = roc_curve(ranked.happened, ranked.scores)
            area = roc_auc_score(ranked.happened, ranked.scores)
            label = f"{ranked.name}, area {area:.4f}"
            axes.plot(false_positive, true_positive, color=ranked.colour, linewidth=2, label=label)
        axes.set(
            title="ROC", xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1), ylim=(0, 1.01)
        )
        axes.set_aspect("equal")
        axes.legend(loc="lower right")

    return draw(path, plot, SQUARE)


def draw_precision_recall(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """Precision by recall, beside the share of the class, which a guess would have."""

    def plot(axes: Any) -> None:
        for ranked in _each_class(outcomes, classes):
            precision, recall, _ = precision_recall_curve(ranked.happened, ranked.scores)
            area = average_precision_score(ranked.happened, ranked.scores)
            label = f"{ranked.name}, mean precision {area:.4f}"
            axes.plot(recall[:-1], precision[:-1], color=ranked.colour, linewidth=2, label=label)
            axes.axhline(float(ranked.happened.mean()), linestyle=":", color=ranked.colour)
        axes.set(title="Precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
        axes.legend(loc="lower left")

    return draw(path, plot)


def draw_lift(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """Share of a class among the rows with its highest scores, over its share among all."""

    def plot(axes: Any) -> None:
        for ranked in _each_class(outcomes, classes):
            order = np.argsort(-ranked.scores, kind="stable")
            counts = np.arange(1, len(order) + 1)
            lift = np.cumsum(ranked.happened[order]) / counts / ranked.happened.mean()
            shown = counts >= max(10, len(order) // 200)  # a share of few rows is noise
            axes.plot(counts[shown] / len(order), lift[shown], color=ranked.colour, linewidth=2, label=ranked.name)
        axes.axhline(1.0, linestyle=":", color=GREY, label="by chance")
        axes.set(title="Lift", xlabel="share of the rows, the highest scores first", ylabel="times the base rate")
        axes.set(xlim=(0, 1.01), ylim=(0, None))
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.legend(loc="lower left")

    return draw(path, plot)


def draw_coverage(path: Path, outcomes: Outcomes, wanted: float | None) -> Path:
    """Accuracy by which share of the rows, the most certain ones, are decided."""

    def plot(axes: Any) -> None:
        curve = selective_curve(outcomes)
        n = len(outcomes.labels)
        shown = curve.rows >= max(10, n // 200)
        axes.plot(curve.rows[shown] / n, curve.accuracies[shown], color=BLUE, linewidth=2, label="accuracy")
        if wanted is not None:
            axes.axhline(wanted, color=ORANGE, linestyle="--", label=f"target {wanted:g}")
            held = np.flatnonzero(curve.accuracies >= wanted)
            if len(held):
                share = curve.rows[held[-1]] / n
                axes.plot([share], [curve.accuracies[held[-1]]], marker="o", color=GREEN, zorder=3)
                axes.annotate(
                    f"holds on {share:.1%} of the rows", (share, wanted), xytext=(-8, -16), textcoords="offset points",
                    ha="right", color=GREEN,
                )  # fmt: skip
        axes.set(title="Accuracy where only the most certain rows are decided")
        axes.set(xlabel="share of the rows that is decided", ylabel="accuracy among them", xlim=(0, 1.01))
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.legend(loc="lower left")

    return draw(path, plot)


def _each_class(outcomes: Outcomes, classes: Sequence[str]) -> Iterator[_Ranked]:
    """The positive outcome alone; of several classes, each that happened at all."""
    if outcomes.task == "binary":
        yield _Ranked(classes[1], BLUE, outcomes.labels == 1.0, outcomes.scores)
        return
    for k, name in enumerate(classes):
        happened = outcomes.labels == k
        if 0 < happened.sum() < len(happened):
            yield _Ranked(name, COLOURS[k % len(COLOURS)], happened, outcomes.scores[:, k])
