"""The one softmax: from a model's raw scores of its classes to their probabilities, with the same bits everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum


def softmax(raws: Sequence[float]) -> tuple[float, ...]:
    """Probability of each class.

    Parameters
    ----------
    raws
        Finite raw scores, at least one.

    Returns
    -------
    tuple of float
        In the order of ``raws``, each between 0 and 1; never overflows. `fsum` rounds once: the built-in sum rounds
        otherwise from Python 3.12 on, and numpy's in the order that suits its vectors, therefore nothing else in the
        engine may compute this.

    Examples
    --------
    >>> softmax([0.0, 0.0])
    (0.5, 0.5)
    >>> softmax([1000.0, 0.0])
    (1.0, 0.0)

    """
    most = max(raws)
    grown = [exp(raw - most) for raw in raws]
    total = fsum(grown)
    return tuple([one / total for one in grown])
