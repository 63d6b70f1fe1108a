"""Whether what is scored 0.7 happens in seven of ten cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from offline_training.evaluation.outcomes import Outcomes
from offline_training.plots.canvas import BLUE, COLOURS, GREY, SQUARE, draw

_BINS: Final = 10
_Z: Final = 1.96


def draw_calibration(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """What happened by what was scored, in tenths of the rows, with Wilson's 95 % intervals."""

    def plot(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], linestyle=":", color=GREY, label="perfect")
        for k in range(1, 2) if outcomes.task == "binary" else range(len(classes)):
            colour = BLUE if outcomes.task == "binary" else COLOURS[k % len(COLOURS)]
            scored, happened, low, high = _tenths(outcomes.labels == k, outcomes.class_scores[:, k])
            axes.errorbar(
                scored, happened, yerr=(happened - low, high - happened), color=colour, marker="o", markersize=5,
                linewidth=1.5, capsize=2, label=classes[k],
            )  # fmt: skip
        axes.set(title="Calibration, tenths of the rows", xlabel="mean score", ylabel="share that happened")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        axes.legend(loc="upper left")

    return draw(path, plot, SQUARE)


def _tenths(happened: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), _BINS) if len(part)]
    n = np.array([len(part) for part in parts])
    share = np.array([happened[part].mean() for part in parts])
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scored = np.array([scores[part].mean() for part in parts])
    return scored, share, np.minimum(middle - half, share), np.maximum(middle + half, share)
