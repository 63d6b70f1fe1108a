"""How wrong scores were, each by itself and by proper rules, which nobody beats who does not tell what he believes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_LEAST: Final = 1e-15


class ProperScores(NamedTuple):
    """Of each score, 0 is best: squared error and log loss. NaN where the outcome is not known."""

    squared_error: Doubles
    log_loss: Doubles


def of_two_outcomes(labels: Doubles, scores: Doubles) -> ProperScores:
    """Of probabilities that a label is 1; squared errors lie between 0 and 1."""
    likely = np.clip(scores, _LEAST, 1 - _LEAST)
    losses = -np.where(labels == 1, np.log(likely), np.log1p(-likely))
    return ProperScores((scores - labels) ** 2, np.where(np.isnan(labels), np.nan, losses))


def of_classes(came: Sequence[str | None], given: Sequence[Mapping[str, float]]) -> ProperScores:
    """Of probabilities of classes: summed over all of them, squared errors lie between 0 and 2.

    A class that a version does not know has no probability by it.
    """
    known = np.array([one is not None for one in came], dtype=bool)
    chance = np.array([of.get(one or "", 0.0) for one, of in zip(came, given, strict=True)], dtype=np.float64)
    squares = np.array([sum(value**2 for value in of.values()) for of in given], dtype=np.float64)
    squared_error, log_loss = squares - 2 * chance + 1, -np.log(np.clip(chance, _LEAST, 1.0))
    return ProperScores(np.where(known, squared_error, np.nan), np.where(known, log_loss, np.nan))


def of_values(labels: Doubles, scores: Doubles) -> ProperScores:
    """Of predicted means: squared errors, infinite where no number can hold them. Nothing is told of a likelihood."""
    with np.errstate(over="ignore"):
        return ProperScores((scores - labels) ** 2, np.full_like(labels, np.nan))
