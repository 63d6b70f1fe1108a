"""The tested rows that are worth a closer look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from offline_training.evaluation.outcomes import Outcomes


class Sample(NamedTuple):
    """A row, why it was chosen, and which output is explained: of several classes, the one decided on."""

    row: int
    why: str
    output: int


def choose_samples(outcomes: Outcomes) -> list[Sample]:
    """The surest and least sure decisions, and the worst mistake; each row once, always the same ones."""
    outputs = outcomes.predicted.astype(np.int64) if outcomes.task == "multiclass" else np.zeros(len(outcomes.labels))
    chosen: dict[int, str] = {}
    for why, row in _extremes(outcomes):
        chosen.setdefault(row, why)
    return [Sample(row, why, int(outputs[row])) for row, why in chosen.items()]


def _extremes(outcomes: Outcomes) -> Iterator[tuple[str, int]]:
    if outcomes.task == "multiclass":
        certainty = outcomes.certainty
        wrong = np.where(outcomes.predicted == outcomes.labels, -np.inf, certainty)
        yield "the surest decision", int(certainty.argmax())
        yield "the least sure decision", int(certainty.argmin())
        if np.isfinite(wrong.max()):
            yield "the surest mistake", int(wrong.argmax())
        return
    scores = outcomes.scores
    middle = outcomes.threshold if outcomes.task == "binary" else float(np.median(scores))
    yield "the highest score", int(scores.argmax())
    yield "the lowest score", int(scores.argmin())
    yield (
        "the score nearest to the threshold" if outcomes.task == "binary" else "the median score",
        int(np.abs(scores - middle).argmin()),
    )
    yield "the worst mistake", int(np.abs(scores - outcomes.labels).argmax())
