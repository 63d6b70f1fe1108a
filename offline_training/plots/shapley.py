"""Shapley values as pictures: all explained rows at once, and one row step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from offline_training.explanations import Contributions
from offline_training.plots.canvas import BLUE, COLOURS, GREY, ORANGE, draw, shorten, tall, value_text

_MOST: Final = 15
_MOST_STEPS: Final = 10
_ROW_WIDTH: Final = 0.36
_BINS: Final = 80


def draw_shap_summary(
    path: Path, names: Sequence[str], of_outputs: Sequence[Contributions], classes: Sequence[str]
) -> Path:
    """One dot a row and input, coloured by the input's value; of several classes, mean sizes stacked."""
    importance = np.sum([each.importance for each in of_outputs], axis=0)
    order = np.argsort(importance, kind="stable")[-_MOST:]

    def stacked(axes: Any) -> None:
        axes.grid(axis="y", visible=False)
        left = np.zeros(len(order))
        for k, each in enumerate(of_outputs):
            sizes = each.importance[order]
            axes.barh(
                range(len(order)), sizes, left=left, color=COLOURS[k % len(COLOURS)], height=0.7, label=classes[k]
            )
            left += sizes
        axes.set_yticks(range(len(order)), [shorten(names[i]) for i in order])
        axes.set(title="Shapley values by class", xlabel="mean absolute contribution to the raw score")
        axes.legend(loc="lower right")

    def swarm(axes: Any) -> None:
        (found,) = of_outputs
        axes.grid(axis="y", visible=False)
        axes.axvline(0.0, color=GREY, linewidth=1)
        dots = None
        for y, i in enumerate(order):
            values, inputs = found.values[:, i], found.rows[:, i]
            heights = y + _beeswarm(values)
            known = ~np.isnan(inputs)
            axes.scatter(values[~known], heights[~known], s=9, color=GREY, linewidths=0)
            dots = axes.scatter(
                values[known],
                heights[known],
                s=9,
                c=_quantiles(inputs[known]),
                cmap="coolwarm",
                vmin=0,
                vmax=1,
                linewidths=0,
            )
        axes.set_yticks(range(len(order)), [shorten(names[i]) for i in order])
        axes.set(title=f"Shapley values of {len(found.values):,} tested rows", xlabel="contribution to the raw score")
        bar = axes.figure.colorbar(
            dots, ax=axes, ticks=[0, 1], aspect=40, pad=0.01, label="the input's value (grey: missing)"
        )
        bar.ax.set_yticklabels(["low", "high"])
        bar.outline.set_visible(False)

    return draw(path, swarm if len(of_outputs) == 1 else stacked, tall(len(order), width=9.0, row=0.42))


def draw_shap_waterfall(path: Path, names: Sequence[str], found: Contributions, title: str) -> Path:
    """From the base to a row's raw score, the largest steps first; the rest in one."""
    (values,), (row,) = found.values, found.rows
    order = np.argsort(-np.abs(values), kind="stable")
    steps = [(f"{shorten(names[i])} = {value_text(row[i])}", float(values[i])) for i in order[:_MOST_STEPS]]
    rest = order[_MOST_STEPS:]
    if len(rest):
        steps.append((f"{len(rest)} other inputs", float(values[rest].sum())))
    raw = found.base + float(values.sum())

    def plot(axes: Any) -> None:
        axes.grid(axis="y", visible=False)
        ends = found.base + np.cumsum([step for _, step in steps])
        starts = np.concatenate([[found.base], ends[:-1]])
        span = max(float(np.ptp(np.concatenate([starts, ends]))), 1e-9)
        for y, ((_, step), start, end) in enumerate(zip(reversed(steps), starts[::-1], ends[::-1], strict=True)):
            colour = ORANGE if step >= 0 else BLUE
            axes.barh(y, step, left=start, color=colour, height=0.62)
            beside, align = (max(start, end) + span * 0.012, "left")
            axes.text(beside, y, f"{step:+.3f}", va="center", ha=align, color=colour, fontsize=9.5)
            if y:
                axes.plot([end, end], [y - 1.31, y + 0.31], color=GREY, linewidth=0.8)
        axes.axvline(found.base, linestyle=":", color=GREY)
        axes.axvline(raw, linestyle="--", color=GREY)
        axes.set_yticks(range(len(steps)), [label for label, _ in reversed(steps)])
        axes.set(title=title, xlabel=f"raw score: from the base {found.base:.3f} to {raw:.3f}")
        edges = np.concatenate([starts, ends])
        axes.set_xlim(edges.min() - 0.04 * span, edges.max() + 0.12 * span)

    return draw(path, plot, tall(len(steps), width=9.0, row=0.4))


def _quantiles(values: np.ndarray) -> np.ndarray:
    """Where each value stands among the others, from 0 to 1, ties alike."""
    if not len(values):
        return values
    distinct, places = np.unique(values, return_inverse=True)
    return places / max(len(distinct) - 1, 1)


def _beeswarm(values: np.ndarray) -> np.ndarray:
    """Heights that keep dots of about the same value apart."""
    low, span = (float(values.min()), float(np.ptp(values))) if len(values) else (0.0, 0.0)
    bins = ((values - low) / (span or 1.0) * _BINS).astype(np.int64)  # of a span of rounding errors, too
    heights = np.zeros(len(values))
    most = max(np.bincount(bins)) if len(values) else 1
    for of_bin in np.unique(bins):
        rows = np.flatnonzero(bins == of_bin)
        steps = np.arange(len(rows)) - (len(rows) - 1) / 2
        heights[rows] = steps / max(most, 1) * 2 * _ROW_WIDTH
    return heights
