"""How label and features go with the hour, the day of the week, and the months."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from offline_training.exploration.charts.canvas import (
    BLUE,
    COLOURS,
    INK,
    LINE,
    clipped,
    dress,
    figure,
    legend,
    short_ticks,
    to_png,
)
from offline_training.exploration.periods import Periods
from offline_training.exploration.target import Target

Doubles = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]

_US_AN_HOUR: Final = 3_600_000_000
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_THURSDAY: Final = 3
"""1970 began on one."""
_COLUMNS = 3


def draw_calendar(target: Target, at_us: Instants) -> bytes | None:
    """Rows and label by hour (UTC) and weekday; None where all rows are of one."""
    hours = at_us // _US_AN_HOUR
    parts = [("hour of the day (UTC)", hours % 24, [str(hour) for hour in range(24)])]
    parts += [("day of the week (UTC)", (hours // 24 + _THURSDAY) % 7, list(_DAYS))]
    parts = [part for part in parts if len(np.unique(part[1])) > 1]
    if not parts:
        return None
    made = figure(11.0, 3.2)
    panels = made.subplots(1, len(parts), squeeze=False)[0]
    for axes, (title, number, names) in zip(panels, parts, strict=True):
        _by_place(axes, target, number, names, title)
    return to_png(made)


def _by_place(axes: Any, target: Target, number: Instants, names: Sequence[str], title: str) -> None:
    counts = np.bincount(number, minlength=len(names))
    places = np.flatnonzero(counts)
    axes.bar(places, counts[places], width=0.72, color=LINE, label="rows")
    dress(axes, title=f"By {title}", ylabel="rows")
    short_ticks(axes.yaxis)
    axes.set_xticks(places, [names[place] for place in places.tolist()])
    axes.set_ylim(0, counts.max() * 1.25)
    line = axes.twinx()
    line.spines[["top", "left", "bottom"]].set_visible(False)
    values, what = (
        (target.labels, "mean label") if target.is_value else (target.group_of == 1, f"share of {target.groups[1]}")
    )
    if target.task == "multiclass":
        values, what = target.group_of == 0, f"share of {target.groups[0]}"
    means = np.bincount(number, values, minlength=len(names))[places] / counts[places]
    line.plot(places, means, color=COLOURS[1], marker="o", markersize=4, label=what)
    line.set_ylabel(what, fontsize=9, color=COLOURS[1])
    line.tick_params(labelsize=8.5, colors=INK, length=2)
    low = min(0.0, float(means.min()) * 1.1)
    line.set_ylim(low, float(means.max()) * 1.2 or 1.0)


def draw_medians(names: Sequence[str], rows: Doubles, periods: Periods) -> bytes:
    """The median and the middle half of some columns, by period."""
    n_lines = -(-len(names) // _COLUMNS)
    made = figure(11.0, 2.5 * n_lines)
    panels = made.subplots(n_lines, _COLUMNS, squeeze=False).ravel()
    places = np.arange(len(periods.begins))
    few = len(places) <= 3
    for axes, name, column in zip(panels, names, rows.T, strict=False):
        parts = [column[(periods.period_of == period) & np.isfinite(column)] for period in places]
        quarters = np.array([np.quantile(part, (0.25, 0.5, 0.75)) if len(part) else [np.nan] * 3 for part in parts])
        axes.fill_between(
            places, quarters[:, 0], quarters[:, 2], color=BLUE, alpha=0.18, linewidth=0, label="middle half"
        )
        axes.plot(places, quarters[:, 1], color=BLUE, marker="o", markersize=3.5, label="median")
        dress(axes, title=clipped(name, 36), size=8.5, grid="y")
        short_ticks(axes.yaxis)
        axes.set_xticks(places, periods.names, rotation=0 if few else 35, ha="center" if few else "right", fontsize=7.5)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    legend(panels[0])
    return to_png(made)
