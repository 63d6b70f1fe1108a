"""A local surrogate as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from offline_training.explanations import Surrogate
from offline_training.plots.canvas import BLUE, GREY, ORANGE, draw, shorten, tall, value_text

_MOST: Final = 12


def draw_surrogate(path: Path, names: Sequence[str], row: np.ndarray, found: Surrogate, title: str) -> Path:
    """The inputs whose own values move the score most, where others have another."""
    order = np.argsort(np.abs(found.weights), kind="stable")[-_MOST:]

    def plot(axes: Any) -> None:
        axes.grid(axis="y", visible=False)
        weights = found.weights[order]
        labels = [f"{shorten(names[i])} = {value_text(row[i])}" for i in order]
        bars = axes.barh(labels, weights, color=[ORANGE if weight >= 0 else BLUE for weight in weights], height=0.66)
        axes.bar_label(bars, fmt="{:+.3f}", padding=4)
        axes.axvline(0.0, color=GREY, linewidth=1)
        axes.set(title=title, xlabel=f"added to the score by its own value\n(R² of the surrogate {found.fidelity:.2f})")
        axes.locator_params(axis="x", nbins=5)
        axes.margins(x=0.18)

    return draw(path, plot, tall(len(order), width=9.0, row=0.4))
