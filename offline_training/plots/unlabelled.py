"""What a model without labels says of the tested rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.ticker import LogFormatter

from offline_training.evaluation import Outcomes
from offline_training.plots.canvas import BLUE, INK, ORANGE, draw, shorten, tall

_BINS: Final = 60


def draw_clusters(path: Path, outcomes: Outcomes, classes: Sequence[str]) -> Path:
    """Of each cluster, how many rows are nearest to it, and how far they lie from its centre."""
    found, apart = outcomes.predicted, outcomes.scores.min(axis=1)
    of_clusters = [apart[found == k] for k in range(len(classes))]
    labels = [f"{shorten(name)} ({len(some):,} rows)" for name, some in zip(classes, of_clusters, strict=True)]

    def plot(axes: Any) -> None:
        axes.boxplot(
            of_clusters[::-1], orientation="horizontal", tick_labels=labels[::-1], showfliers=False, widths=0.6,
            medianprops={"color": ORANGE}, boxprops={"color": BLUE},
        )  # fmt: skip
        axes.grid(axis="y", visible=False)
        axes.set(title="How far rows lie from the centre of their cluster", xlabel="distance")

    return draw(path, plot, tall(len(classes)))


def draw_anomaly_scores(path: Path, outcomes: Outcomes) -> Path:
    """How many rows have which score, and where an anomaly begins; labels are told apart where there are any."""
    scores, labels = outcomes.scores, outcomes.labels
    known = ~np.isnan(labels)
    parts = (
        [("normal", scores[known & (labels == 0.0)], BLUE), ("anomaly", scores[known & (labels == 1.0)], ORANGE)]
        if known.any()
        else [("all", scores, BLUE)]
    )
    bins = np.linspace(scores.min(), max(scores.max(), np.nextafter(scores.min(), 2.0)), _BINS)

    def plot(axes: Any) -> None:
        for name, some, colour in parts:
            axes.hist(some, bins=bins, color=colour, alpha=0.7, label=f"{name} ({len(some):,} rows)")
        axes.axvline(
            outcomes.threshold, color=INK, linestyle="--", linewidth=1.2, label=f"threshold {outcomes.threshold:.4g}"
        )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter())
        axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
        axes.set(title="Scores of the tested rows", xlabel="anomaly score", ylabel="rows")
        axes.legend(loc="upper right")

    return draw(path, plot)
