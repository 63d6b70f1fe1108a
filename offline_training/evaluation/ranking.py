"""How well a ranking puts positives above negatives, under many weightings of the rows at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


class Ranking:
    """Rows in the order of their scores; what does not depend on weights is done once.

    Parameters
    ----------
    positive
        Which rows are positive.
    scores
        What they are ranked by. Rows of one score have no order among themselves.

    """

    def __init__(self, positive: npt.NDArray[np.bool_], scores: Doubles) -> None:
        self._order = np.argsort(scores, kind="stable")
        ordered = scores[self._order]
        self._positive = positive[self._order].astype(np.float64)
        self._ties = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))

    def roc_auc(self, weights: Doubles) -> Doubles:
        """Share of pairs in the right order, a tie being half a pair; NaN without a pair. Weights are ``[b, n]``."""
        positives, negatives = self._by_score(weights)
        below = np.cumsum(negatives, axis=1) - negatives / 2
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        return _divided((positives * below).sum(axis=1), pairs)

    def average_precision(self, weights: Doubles) -> Doubles:
        """Mean precision at the scores of the positives; NaN without a positive."""
        positives, negatives = self._by_score(weights)
        above = np.cumsum(positives[:, ::-1], axis=1)
        named = above + np.cumsum(negatives[:, ::-1], axis=1)
        precision = np.divide(above, named, out=np.zeros_like(above), where=named > 0)
        return _divided((positives[:, ::-1] * precision).sum(axis=1), positives.sum(axis=1))

    def _by_score(self, weights: Doubles) -> tuple[Doubles, Doubles]:
        """Weight of the positives and of the negatives at each score, the lowest first."""
        ordered = weights[:, self._order]
        positives = np.add.reduceat(ordered * self._positive, self._ties, axis=1)
        return positives, np.add.reduceat(ordered, self._ties, axis=1) - positives


def _divided(parts: Doubles, wholes: Doubles) -> Doubles:
    return np.divide(parts, wholes, out=np.full_like(parts, np.nan), where=wholes > 0)
