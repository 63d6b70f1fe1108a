"""Where a model is wrong: confusion, what was predicted against what happened, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from offline_training.evaluation.outcomes import Outcomes
from offline_training.plots.canvas import BLUE, COLOURS, GREY, ORANGE, SQUARE, draw, shorten

_MOST_POINTS: Final = 5_000
_BINS: Final = 20
_MOST_CELLS_WITH_TEXT: Final = 12


def draw_confusion(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """How often each outcome was decided to be which, as counts and as shares of what happened."""
    n = len(classes)
    cells = (outcomes.labels * n + outcomes.predicted).astype(np.int64)
    table = np.bincount(cells, minlength=n * n).reshape(n, n)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)

    def plot(axes: Any) -> None:
        axes.grid(visible=False)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")  # long names would push the axis out
        names = [shorten(name, 18) for name in classes]
        axes.set(title="Confusion", xlabel="decided", ylabel="happened", xticks=range(n), yticks=range(n))
        axes.set_xticklabels(names, rotation=0 if n <= 4 else 45)
        axes.set_yticklabels(names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if n <= _MOST_CELLS_WITH_TEXT:
            for i, j in np.ndindex(n, n):
                colour = "white" if shares[i, j] > 0.55 else "black"
                axes.text(j, i, f"{table[i, j]:,}\n{shares[i, j]:.1%}", ha="center", va="center", color=colour)

    return draw(path, plot, SQUARE)


def draw_predicted_vs_actual(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """Predicted by actual values; of classes, how the probability is spread by what happened."""

    def values(axes: Any) -> None:
        rows = _spread(len(outcomes.labels))
        both = np.concatenate([outcomes.labels[rows], outcomes.scores[rows]])
        low, high = float(both.min()), float(both.max())
        axes.plot([low, high], [low, high], linestyle=":", color=GREY)
        axes.scatter(outcomes.labels[rows], outcomes.scores[rows], s=12, alpha=0.4, color=BLUE, linewidths=0)
        axes.set(title="Predicted against actual", xlabel="actual", ylabel="predicted")

    def probabilities(axes: Any) -> None:
        edges = np.linspace(0, 1, 2 * _BINS + 1)
        own = outcomes.scores if outcomes.task == "binary" else outcomes.certainty
        for k, name in enumerate(classes):
            of_class = outcomes.labels == k
            if of_class.any():
                colour = COLOURS[k % len(COLOURS)]
                weights = np.full(int(of_class.sum()), 1 / of_class.sum())
                label = f"{name} ({of_class.sum():,})"
                axes.hist(own[of_class], edges, weights=weights, histtype="stepfilled", alpha=0.25, color=colour)
                axes.hist(
                    own[of_class], edges, weights=weights, histtype="step", color=colour, linewidth=1.8, label=label
                )
        if outcomes.task == "binary":
            axes.axvline(outcomes.threshold, color=GREY, linestyle="--", label=f"threshold {outcomes.threshold:g}")
        scored = f"score of {classes[1]}" if outcomes.task == "binary" else "score of the class decided on"
        axes.set(title="Predicted by what happened", xlabel=scored, ylabel="share of the rows of each outcome")
        axes.set(xlim=(0, 1))
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.legend(title="actual", alignment="left")

    return draw(path, values if outcomes.task == "regression" else probabilities)


def draw_residuals(path: Path, outcomes: Outcomes) -> Path:
    """Residuals by predicted value; of probabilities, their mean in each twentieth of the rows, with 2 σ of chance."""
    scores = outcomes.scores if outcomes.task != "multiclass" else outcomes.certainty
    happened = outcomes.labels if outcomes.task != "multiclass" else outcomes.predicted == outcomes.labels
    residuals = happened - scores

    def values(axes: Any) -> None:
        rows = _spread(len(scores))
        axes.axhline(0.0, linestyle=":", color=GREY)
        axes.scatter(scores[rows], residuals[rows], s=12, alpha=0.4, color=BLUE, linewidths=0)
        axes.set(title="Residuals", xlabel="predicted", ylabel="actual − predicted")

    def probabilities(axes: Any) -> None:
        parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), _BINS) if len(part)]
        at = np.array([scores[part].mean() for part in parts])
        means = np.array([residuals[part].mean() for part in parts])
        chance = np.array([2 * np.sqrt((scores[part] * (1 - scores[part])).mean() / len(part)) for part in parts])
        axes.fill_between(at, -chance, chance, color=GREY, alpha=0.2, linewidth=0, label="2 σ of chance")
        axes.axhline(0.0, linestyle=":", color=GREY)
        outside = np.abs(means) > chance
        axes.scatter(at[~outside], means[~outside], color=BLUE, s=36, zorder=3, label="mean residual")
        axes.scatter(at[outside], means[outside], color=ORANGE, s=36, zorder=3, label="beyond chance")
        what = "score" if outcomes.task == "binary" else "score of the class decided on"
        axes.set(title="Residuals, twentieths of the rows", xlabel=f"mean {what}", ylabel="happened − scored")
        axes.legend()

    return draw(path, values if outcomes.task == "regression" else probabilities)


def _spread(n: int) -> np.ndarray:
    """Numbers of at most so many rows as a scatter plot can show, evenly spread."""
    return np.linspace(0, n - 1, min(n, _MOST_POINTS)).astype(np.int64)
