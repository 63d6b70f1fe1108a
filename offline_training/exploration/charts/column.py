"""One column: its histogram, and a box a group, over one axis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offline_training.exploration.charts.canvas import COLOURS, INK, SOFT, figure, tick_numbers, to_png
from offline_training.exploration.charts.scale import scale_of
from offline_training.exploration.target import Target

Doubles = npt.NDArray[np.float64]

_BINS = 32
_WHISKERS = (5, 95)


def draw_column(column: Doubles, target: Target) -> bytes | None:
    """Of the rows where it is known; None where it never is."""
    known = np.isfinite(column)
    if not known.any():
        return None
    values, groups = column[known], target.group_of[known]
    scale = scale_of(values)
    drawn = scale.to_axis(values)
    edges = np.linspace(scale.low, scale.high, _BINS + 1)
    n_groups = len(target.groups)

    made = figure(3.6, 2.5 + 0.12 * n_groups, layout=None)
    histogram, boxes = made.subplots(2, 1, sharex=True, height_ratios=(3.0, 0.45 * n_groups))
    made.subplots_adjust(left=0.13, right=0.97, top=0.96, bottom=0.11, hspace=0.06)
    below = np.zeros(_BINS)
    for number in range(n_groups):
        counts, _ = np.histogram(drawn[groups == number], edges)
        histogram.bar(edges[:-1], counts, np.diff(edges), bottom=below, align="edge", color=COLOURS[number])
        below += counts
    top = float(below.max(initial=1.0))
    histogram.set_ylim(0, top * 1.05)
    histogram.set_yticks([0, top], ["0", *tick_numbers([top])])

    parts = [drawn[groups == number] for number in range(n_groups)]
    found = boxes.boxplot(
        [part if len(part) else [np.nan] for part in parts],
        orientation="horizontal",
        widths=0.62,
        whis=_WHISKERS,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "white", "linewidth": 1.4},
        whiskerprops={"color": SOFT, "linewidth": 0.8},
        capprops={"color": SOFT, "linewidth": 0.8},
    )
    for patch, colour in zip(found["boxes"], COLOURS, strict=False):
        patch.set(facecolor=colour, edgecolor=colour, linewidth=1.5)  # seen also where the middle half is one value
    boxes.set_yticks([])
    boxes.invert_yaxis()
    for axes in (histogram, boxes):
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(SOFT)
        axes.tick_params(labelsize=8.5, colors=INK, length=2)
    histogram.tick_params(bottom=False)
    boxes.locator_params(axis="x", nbins=5)
    scale.apply(boxes)
    return to_png(made)


def is_drawn_by_logarithm(column: Doubles) -> bool:
    """Whether its axis is one of logarithms."""
    known = column[np.isfinite(column)]
    return bool(len(known)) and scale_of(known).is_log
