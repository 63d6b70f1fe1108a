"""Whether two models differ on the same rows, or seem to by chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]


class Delong(NamedTuple):
    """Two ROC AUCs on the same rows, and the probability of such a difference where there is none."""

    ours: float
    theirs: float
    p_value: float


def delong(labels: Doubles, ours: Doubles, theirs: Doubles) -> Delong:
    """DeLong's test for two correlated ROC AUCs.

    Parameters
    ----------
    labels
        0 and 1, both of them there.
    ours, theirs
        Scores of the same rows.

    Returns
    -------
    Delong
        The p-value is two-sided; 1 where the rankings are alike.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 44
    (1988). Sun, Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21 (2014): by midranks.

    """
    positive = labels == 1.0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    of_positives, of_negatives, areas = [], [], []
    for scores in (ours, theirs):
        among_all = rankdata(scores)
        among_positives, among_negatives = rankdata(scores[positive]), rankdata(scores[~positive])
        of_positives.append((among_all[positive] - among_positives) / n_negative)
        of_negatives.append(1.0 - (among_all[~positive] - among_negatives) / n_positive)
        areas.append(float(of_positives[-1].mean()))
    spread = _variance_of_difference(of_positives) + _variance_of_difference(of_negatives)
    (our_area, their_area), difference = areas, areas[0] - areas[1]
    if spread <= 0.0:
        return Delong(our_area, their_area, 1.0 if difference == 0.0 else 0.0)
    return Delong(our_area, their_area, math.erfc(abs(difference) / math.sqrt(2.0 * spread)))


def bootstrap_p_value(differences: Doubles) -> float:
    """Two-sided p-value of a difference by its paired resamples: how often they fall on the other side of nought."""
    known = differences[~np.isnan(differences)]
    tail = min(int((known <= 0.0).sum()), int((known >= 0.0).sum()))
    return min(1.0, 2.0 * (tail + 1) / (len(known) + 1))


def _variance_of_difference(components: list[Doubles]) -> float:
    differences = components[0] - components[1]
    return float(differences.var(ddof=1) / len(differences)) if len(differences) > 1 else 0.0
