"""Groups of a protected column side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from offline_training.evaluation.fairness import Fairness
from offline_training.plots.canvas import COLOURS, draw, shorten

_SHARES: Final = frozenset({"selection_rate", "true_positive_rate", "accuracy"})


def draw_fairness(path: Path, fairness: Fairness) -> Path:
    """One bar a group and figure; a group of too few rows has none."""
    figures = list(fairness.gaps)
    at, width = np.arange(len(fairness.groups)), 0.8 / len(figures)

    def plot(axes: Any) -> None:
        axes.grid(axis="x", visible=False)
        for i, figure in enumerate(figures):
            values = [group.figures[figure] for group in fairness.groups]
            heights = [0.0 if value is None else value for value in values]
            label = f"{figure.replace('_', ' ')}, gap {fairness.gaps[figure]:.3f}"
            bars = axes.bar(
                at + (i - (len(figures) - 1) / 2) * width, heights, width * 0.94, color=COLOURS[i], label=label
            )
            axes.bar_label(bars, ["too few" if value is None else f"{value:.3f}" for value in values], padding=2)
        axes.set_xticks(at, [f"{shorten(group.value, 20)}\n{group.rows:,} rows" for group in fairness.groups])
        axes.set(
            title=f"Groups of {fairness.column}", ylabel="rate" if _SHARES & set(figures) else "error over that of all"
        )
        axes.set_ylim(0, axes.get_ylim()[1] * 1.18)
        axes.legend(loc="upper right", ncols=len(figures))

    return draw(path, plot, (max(7.0, 1.4 * len(fairness.groups) + 3), 5.0))
