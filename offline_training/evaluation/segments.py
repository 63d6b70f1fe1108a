"""How good a model is on parts of the rows: a mean over all hides where it fails."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from offline_training.estimate import Estimate
from offline_training.evaluation.bins import parts_of
from offline_training.evaluation.intervals import intervals
from offline_training.evaluation.outcomes import Outcomes


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the tested rows, by a column; figures that cannot be measured in it are left out."""

    column: str
    value: str
    rows: int
    share: float
    figures: dict[str, Estimate]


def segments_of(
    outcomes: Outcomes, columns: Mapping[str, np.ndarray], *, seed: int, resamples: int
) -> tuple[Segment, ...]:
    """Figures of each part of each column; a column is as long as the outcomes."""
    return tuple(
        Segment(
            column=name,
            value=value,
            rows=int(mask.sum()),
            share=float(mask.mean()),
            figures=intervals(outcomes.take(mask), seed=seed, resamples=resamples),
        )
        for name, column in columns.items()
        for value, mask in parts_of(column)
    )
