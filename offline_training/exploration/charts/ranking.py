"""Features by each method of importance, side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offline_training.exploration.charts.canvas import BLUE, INK, LINE, SOFT, clipped, figure, to_png
from offline_training.exploration.importance import METHODS, Importance
from offline_training.exploration.target import short_names

Doubles = npt.NDArray[np.float64]

_LINE_HEIGHT = 0.205
_KEPT = "#d1641b"


def draw_importance(importance: Importance, kept: frozenset[int]) -> bytes:
    """One line a feature, the best mean rank first; names of those that are recommended stand out."""
    order = importance.order
    names = short_names(importance.names)
    k = len(order)
    made = figure(13.0, 1.2 + _LINE_HEIGHT * max(k, 4))
    panels = made.subplots(1, len(METHODS) + 1, sharey=True, width_ratios=(*(1.0,) * len(METHODS), 0.9))
    places = np.arange(k)
    for panel, method, values in zip(panels, METHODS, importance.values, strict=False):
        shown = np.maximum(values[order], 0.0)
        panel.barh(places, shown, height=0.72, color=BLUE)
        panel.set_xlim(0, float(shown.max()) * 1.08 or 1.0)
        panel.set_title(method, fontsize=10, color=INK, fontweight="bold", loc="left")
        panel.locator_params(axis="x", nbins=3)
    last = panels[-1]
    last.barh(places, importance.mean_ranks[order], height=0.72, color=SOFT)
    last.set_title("mean rank", fontsize=10, color=INK, fontweight="bold", loc="left")
    last.locator_params(axis="x", nbins=4)
    for panel in panels:
        panel.tick_params(axis="x", labelsize=8, colors=INK)
        panel.tick_params(axis="y", length=0)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.spines["bottom"].set_color(LINE)
        panel.grid(axis="x", color=LINE, linewidth=0.8)
        panel.set_axisbelow(True)
    panels[0].set_ylim(k - 0.4, -0.6)
    panels[0].set_yticks(places, [clipped(names[i], 38) for i in order], fontsize=8.5)
    for label, number in zip(panels[0].get_yticklabels(), order.tolist(), strict=True):
        label.set_color(_KEPT if number in kept else INK)
    made.supxlabel("names in orange: the recommended set", fontsize=9, color=SOFT)
    return to_png(made)
