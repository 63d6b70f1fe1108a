"""The one sigmoid: from a model's raw score to a probability, with the same bits in trainer, golden rows and scorer."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp


def sigmoid(raw: float) -> float:
    """Probability that belongs to a raw score (log-odds).

    Parameters
    ----------
    raw
        Log-odds; NaN stays NaN, infinities give 0 and 1.

    Returns
    -------
    float
        Between 0 and 1; never overflows. ``numpy.exp`` differs from ``math.exp`` in the last bit on some values,
        therefore nothing else in the engine may compute this.

    Examples
    --------
    >>> sigmoid(0.0)
    0.5
    >>> sigmoid(-800.0), sigmoid(float("inf"))
    (0.0, 1.0)

    """
    if raw < 0.0:
        grown = exp(raw)
        return grown / (1.0 + grown)
    return 1.0 / (1.0 + exp(-raw))


def sigmoid_many(raws: Iterable[float]) -> list[float]:
    """Probability of each raw score, in order.

    Parameters
    ----------
    raws
        Log-odds, as `sigmoid` takes them; a numpy array is best given as ``array.tolist()``.

    Returns
    -------
    list of float
        ``[sigmoid(raw) for raw in raws]``: a loop on purpose, for the bits.

    Examples
    --------
    >>> sigmoid_many([0.0, float("-inf")])
    [0.5, 0.0]

    """
    return [sigmoid(raw) for raw in raws]
