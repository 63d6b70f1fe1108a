"""Which inputs a model goes by, and what it is worth without each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.model_file import LOWER_IS_BETTER
from offline_training.evaluation.figures import figure_name
from offline_training.evaluation.robustness import Disturbance
from offline_training.plots.canvas import BLUE, GREY, ORANGE, draw, shorten, tall

_MOST: Final = 20
_MOST_KNOCKED_OUT: Final = 12


def draw_importance(path: Path, names: Sequence[str], importance: np.ndarray) -> Path:
    """The inputs that matter most, the first on top."""
    order = np.argsort(importance, kind="stable")[-_MOST:]

    def plot(axes: Any) -> None:
        axes.grid(axis="y", visible=False)
        bars = axes.barh([shorten(names[i]) for i in order], importance[order], color=BLUE, height=0.7)
        axes.bar_label(bars, fmt="{:.1%}", padding=4)
        axes.set(title="What the model goes by", xlabel="importance, in parts of the sum")
        axes.margins(x=0.12)
        axes.xaxis.set_major_formatter("{x:.0%}")

    return draw(path, plot, tall(len(order)))


def draw_robustness(path: Path, disturbances: Sequence[Disturbance]) -> Path:
    """By how much the leading figure is worse under each disturbance."""
    noise = [each for each in disturbances if each.what.startswith("noise")]
    knocked_out = [each for each in disturbances if each not in noise]
    shown = [*reversed(noise), *reversed(knocked_out[:_MOST_KNOCKED_OUT])]

    def plot(axes: Any) -> None:
        axes.grid(axis="y", visible=False)
        colours = [ORANGE if each in noise else BLUE for each in shown]
        axes.barh([shorten(each.what) for each in shown], [each.loss for each in shown], color=colours, height=0.7)
        for y, each in enumerate(shown):  # beside the bar, or beside nought where the figure is no worse
            place = (max(each.loss, 0.0), y)
            axes.annotate(
                f"{round(each.loss, 4) + 0.0:+.4f}", place, xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.axvline(0.0, color=GREY, linewidth=1)
        figure = shown[0].figure
        rises = "rises" if figure in LOWER_IS_BETTER else "falls"
        axes.set(title="Inputs missing, inputs with noise", xlabel=f"by how much {figure_name(figure)} {rises}")
        axes.margins(x=0.15)

    return draw(path, plot, tall(len(shown)))
