"""All columns against all, or against time: heat maps and the scatter matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from offline_training.exploration.charts.canvas import COLOURS, INK, SOFT, clipped, dress, figure, legend, to_png
from offline_training.exploration.charts.scale import scale_of
from offline_training.exploration.target import Target

Doubles = npt.NDArray[np.float64]

_WRITTEN = 16
"""Up to so many columns, the numbers stand in the fields."""


def draw_correlations(names: Sequence[str], correlations: Doubles) -> bytes:
    """A heat map from -1 to 1."""
    k = len(names)
    size = min(13.0, 3.2 + 0.42 * k)
    made = figure(size, size * 0.93)
    axes = made.subplots()
    image = axes.imshow(correlations, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
    font = float(np.clip(540.0 / k, 5.0, 9.0))  # as high as a line
    labels = [clipped(name, 34) for name in names]
    axes.set_xticks(range(k), labels, rotation=90, fontsize=font, color=INK)
    axes.set_yticks(range(k), labels, fontsize=font, color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if k <= _WRITTEN:
        for (row, column), value in np.ndenumerate(correlations):
            colour = "white" if abs(value) > 0.6 else INK
            text = f"{value:.2f}".replace("-", "−")
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    bar = made.colorbar(image, ax=axes, shrink=0.6, pad=0.015)
    bar.set_label("rank correlation", fontsize=9, color=SOFT)
    bar.ax.tick_params(labelsize=8.5, colors=INK)
    bar.outline.set_visible(False)
    return to_png(made)


def draw_over_time(
    names: Sequence[str], periods: Sequence[str], values: Doubles, *, what: str, least: float, most: float, form: str
) -> bytes:
    """A heat map of columns by period; fields carry their number as ``form`` says."""
    k, n = values.shape
    made = figure(min(13.0, 4.6 + 0.72 * n), max(2.2, 1.2 + 0.25 * k))
    axes = made.subplots()
    image = axes.imshow(values, aspect="auto", vmin=least, vmax=most, cmap="YlOrRd", interpolation="nearest")
    axes.set_yticks(range(k), [clipped(name, 40) for name in names], fontsize=8.5, color=INK)
    axes.set_xticks(
        range(n), periods, fontsize=8.5, color=INK, rotation=0 if n <= 6 else 30, ha="center" if n <= 6 else "right"
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > least + 0.6 * (most - least) else INK
        axes.text(column, row, form.format(value), ha="center", va="center", fontsize=7.5, color=colour)
    bar = made.colorbar(image, ax=axes, shrink=min(1.0, 4.0 / max(2.2, 0.25 * k)), pad=0.015, extend="max")
    bar.set_label(what, fontsize=9, color=SOFT)
    bar.ax.tick_params(labelsize=8.5, colors=INK)
    bar.outline.set_visible(False)
    return to_png(made)


def draw_scatter_matrix(names: Sequence[str], rows: Doubles, target: Target) -> bytes:
    """Each of a few columns against each, coloured by group; the diagonal shows how each is spread."""
    k = len(names)
    made = figure(2.15 * k, 2.05 * k + 0.3)
    grid = made.subplots(k, k, squeeze=False)
    scales = [scale_of(column[np.isfinite(column)]) for column in rows.T]
    drawn = np.column_stack([scale.to_axis(column) for scale, column in zip(scales, rows.T, strict=True)])
    for row in range(k):
        for column in range(k):
            axes = grid[row][column]
            if row == column:
                edges = np.linspace(scales[row].low, scales[row].high, 25)
                parts = [drawn[target.group_of == number, row] for number in range(len(target.groups))]
                axes.hist(parts, edges, stacked=True, color=COLOURS[: len(parts)])
                axes.set_yticks([])
            else:
                colours = np.array(COLOURS)[target.group_of]
                axes.scatter(drawn[:, column], drawn[:, row], s=5, c=colours, alpha=0.45, linewidths=0)
                axes.set_ylim(scales[row].low, scales[row].high)
                axes.locator_params(axis="y", nbins=4)
            axes.locator_params(axis="x", nbins=4)
            scales[column].apply(axes)
            dress(axes, size=8.0)
            if row == k - 1:
                axes.set_xlabel(clipped(names[column], 26), fontsize=8.5, color=INK)
            else:
                axes.tick_params(labelbottom=False)
            if column == 0:
                axes.set_ylabel(clipped(names[row], 26), fontsize=8.5, color=INK)
            axes.tick_params(labelleft=False)
    handles = [
        grid[0][1].scatter([], [], s=30, color=colour, label=name)
        for name, colour in zip(target.groups, COLOURS, strict=False)
    ]
    made.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=9, labelcolor=INK
    )
    return to_png(made)


def draw_components(explained: Doubles, places: Doubles, target: Target, needed: int, share: float) -> bytes:
    """How much of the variance the first components explain, and the rows on the first two."""
    made = figure(11.0, 4.4)
    left, right = made.subplots(1, 2)
    total = np.cumsum(explained)
    left.bar(np.arange(1, len(total) + 1), explained, color=COLOURS[0], label="each")
    left.plot(np.arange(1, len(total) + 1), total, color=COLOURS[1], marker="o", markersize=3, label="together")
    left.axhline(share, color=SOFT, linestyle=":", linewidth=1)
    left.annotate(
        f"{needed} components explain {share:.0%}",
        (needed, share),
        (0.97, 0.72),
        textcoords="axes fraction",
        ha="right",
        fontsize=9,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": SOFT},
    )
    dress(left, title="Variance explained", xlabel="principal component", ylabel="share", grid="y")
    left.xaxis.get_major_locator().set_params(integer=True)
    legend(left, loc="center right")
    for number, name in enumerate(target.groups):
        some = target.group_of == number
        right.scatter(
            places[some, 0], places[some, 1], s=7, color=COLOURS[number], alpha=0.45, linewidths=0, label=name
        )
    for limit, axis in ((right.set_xlim, 0), (right.set_ylim, 1)):
        low, high = np.quantile(places[:, axis], (0.002, 0.998))
        limit(low - 0.05 * (high - low), high + 0.05 * (high - low))
    dress(
        right,
        title="Rows on the first two",
        xlabel=f"component 1 ({explained[0]:.0%})",
        ylabel=f"component 2 ({explained[1]:.0%})",
    )
    legend(right, loc="best", markerscale=2)
    return to_png(made)
