"""The label: how it is spread, on a scale of logarithms too, and how it moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import NullFormatter

from offline_training.exploration.charts.canvas import (
    BLUE,
    COLOURS,
    INK,
    SOFT,
    dress,
    figure,
    legend,
    short_ticks,
    to_png,
)
from offline_training.exploration.periods import Periods, group_shares
from offline_training.exploration.signed_log import signed_log
from offline_training.exploration.target import Target

Doubles = npt.NDArray[np.float64]

_BINS = 40


def draw_target(target: Target, periods: Periods) -> bytes:
    """Two panels, and two over time where rows have instants."""
    made = figure(11.0, 7.4 if periods.timed else 3.7)
    rows = made.subplots(2 if periods.timed else 1, 2, squeeze=False)
    first, second = rows[0]
    if target.is_value:
        _spread(first, target.labels, "Distribution of the label", "label, without its outer half percents")
        _spread(second, signed_log(target.labels), "Distribution, log-transformed", "sign(y) · log(1 + |y|)")
    else:
        counts = np.bincount(target.group_of, minlength=len(target.groups))
        _counts(first, target, counts, "Rows of each class")
        _counts(second, target, counts, "Rows of each class, logarithmic", log=True)
    if periods.timed:
        third, fourth = rows[1]
        _over_periods(third, fourth, target, periods)
    return to_png(made)


def _over_periods(third: Any, fourth: Any, target: Target, periods: Periods) -> None:
    if target.is_value:
        _box(third, target.labels)
        _values_over_time(fourth, target.labels, periods)
    else:
        _rows_over_time(third, periods)
        _shares_over_time(fourth, target, periods)


def _spread(axes: Any, values: Doubles, title: str, xlabel: str) -> None:
    axes.hist(values, bins=_BINS, range=_middle(values), color=BLUE)
    mean, median = float(values.mean()), float(np.median(values))
    axes.axvline(mean, color=COLOURS[1], linewidth=1.5, label=f"mean {mean:.4g}")
    axes.axvline(median, color=COLOURS[2], linewidth=1.5, linestyle="--", label=f"median {median:.4g}")
    dress(axes, title=title, xlabel=xlabel, ylabel="rows", grid="y")
    short_ticks(axes.xaxis)
    short_ticks(axes.yaxis)
    legend(axes)


def _middle(values: Doubles) -> tuple[float, float]:
    """What is drawn: all but the outermost two hundredths."""
    low, high = np.quantile(values, (0.005, 0.995)).tolist()
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _box(axes: Any, values: Doubles) -> None:
    axes.boxplot(
        values,
        orientation="horizontal",
        widths=0.5,
        patch_artist=True,
        boxprops={"facecolor": BLUE, "edgecolor": BLUE},
        medianprops={"color": "white"},
        whiskerprops={"color": SOFT},
        capprops={"color": SOFT},
        flierprops={"marker": ".", "markersize": 3, "markerfacecolor": SOFT, "markeredgewidth": 0, "alpha": 0.4},
    )
    axes.set_yticks([])
    low, high = _middle(values)
    axes.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    short_ticks(axes.xaxis)
    dress(axes, title="Quartiles and outliers", xlabel="label, without its outer half percents", grid="x")


def _values_over_time(axes: Any, values: Doubles, periods: Periods) -> None:
    parts = [values[periods.period_of == period] for period in range(len(periods.begins))]
    low, middle, high = np.array([np.quantile(part, (0.25, 0.5, 0.75)) for part in parts]).T
    places = _over_time(axes, periods)
    axes.fill_between(places, low, high, color=BLUE, alpha=0.2, linewidth=0, label="middle half")
    axes.plot(range(len(parts)), middle, color=BLUE, marker="o", markersize=4, label="median")
    dress(axes, title="Label over time", ylabel="label", grid="y")
    legend(axes)


def _counts(axes: Any, target: Target, counts: Any, title: str, *, log: bool = False) -> None:
    places = np.arange(len(counts))
    axes.bar(places, counts, width=0.62, color=COLOURS[: len(counts)])
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(0.7, counts.max() * 3)
    else:
        axes.set_ylim(0, counts.max() * 1.15)
    axes.set_xticks(places, target.groups)
    for place, count in zip(places, counts.tolist(), strict=True):
        axes.annotate(
            f"{count:,} ({count / counts.sum():.1%})",
            (place, count),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=INK,
        )
    dress(axes, title=title, ylabel="rows", grid="y")
    short_ticks(axes.yaxis)


def _rows_over_time(axes: Any, periods: Periods) -> None:
    axes.bar(_over_time(axes, periods), periods.counts, width=0.62, color=SOFT)
    dress(axes, title="Observations over time", ylabel="rows", grid="y")
    short_ticks(axes.yaxis)


def _shares_over_time(axes: Any, target: Target, periods: Periods) -> None:
    shares = group_shares(target.group_of, len(target.groups), periods)
    shown = range(1, 2) if target.task == "binary" else range(len(target.groups))
    _over_time(axes, periods)
    for number in shown:
        axes.plot(
            range(len(shares)),
            shares[:, number],
            color=COLOURS[number],
            marker="o",
            markersize=4,
            label=target.groups[number],
        )
    axes.set_ylim(0, min(1.0, float(shares[:, list(shown)].max()) * 1.25 + 1e-3))
    dress(
        axes,
        title="Share of each class over time" if len(shown) > 1 else f"Share of “{target.groups[1]}” over time",
        ylabel="share",
        grid="y",
    )
    if len(shown) > 1:
        legend(axes)


def _over_time(axes: Any, periods: Periods) -> np.ndarray:
    """Places on an axis of periods, once their names stand below it."""
    places = np.arange(len(periods.begins))
    few = len(places) <= 4
    axes.set_xticks(places, periods.names, rotation=0 if few else 30, ha="center" if few else "right")
    return places
