"""The head of a model: what its raw scores mean. Scorer, verifier and trainer go through it alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from features.errors import RequestError
from features.sigmoid import sigmoid
from features.softmax import softmax

Task: TypeAlias = Literal["binary", "multiclass", "regression", "clustering", "anomaly"]

UNSUPERVISED: Final[frozenset[Task]] = frozenset({"clustering", "anomaly"})
"""Tasks that are learned without labels."""

OF_CLASSES: Final[frozenset[Task]] = frozenset({"multiclass", "clustering"})
"""Tasks with an output for each of several classes, of which the highest raw score is decided on."""

Link: TypeAlias = Literal["identity", "sigmoid", "softmax", "negated", "exp2"]
"""From raw scores to scores: as they are, as probabilities, with the other sign, two to the power of them."""

LINKS: dict[Task, tuple[Link, ...]] = {
    "binary": ("sigmoid", "identity"),
    "multiclass": ("softmax", "identity"),
    "regression": ("identity",),
    "clustering": ("negated",),
    "anomaly": ("identity", "sigmoid", "exp2"),
}
"""What each task may use: identity where the model itself gives the probability, the value or the anomaly score.

Of a clustering the raw scores are distances with a minus before them, so that the highest is the nearest cluster's.
"""

_HIGHEST_POWER: Final = 1023.0
"""Of two, that a double holds."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a score means: the name of the band that it lies in. A score at a threshold is above it.

    ``thresholds`` rise; ``names`` are one more, the lowest band first.
    """

    thresholds: tuple[float, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse bands that are none."""
        if not self.thresholds or not all(low < high for low, high in pairwise(self.thresholds)):
            raise ValueError("thresholds must rise, and be one at least")
        if len(set(self.names)) != len(self.thresholds) + 1 or len(self.names) != len(self.thresholds) + 1:
            raise ValueError("names must differ, and be one more than the thresholds")

    def of(self, score: float) -> str:
        """Name of the decision for a score.

        Parameters
        ----------
        score
            A probability, a value or an anomaly score.

        Returns
        -------
        str
            One of ``names``.

        Examples
        --------
        >>> loan = Decision(thresholds=(0.2, 0.5), names=("grant", "ask", "refuse"))
        >>> loan.of(0.1), loan.of(0.2), loan.of(0.9)
        ('grant', 'ask', 'refuse')

        """
        band = 0
        for threshold in self.thresholds:
            if score < threshold:
                break
            band += 1
        return self.names[band]


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """What a model says of one row.

    ``raw_score`` and ``score`` are those of the one output, or of the class decided on: of a clustering, the distance
    to the cluster. ``scores`` are those of each class, empty for one output. ``decision`` is empty where the model
    decides nothing.
    """

    raw_score: float
    score: float
    decision: str
    scores: tuple[float, ...] = ()


class Head(NamedTuple):
    """Turns raw scores into a prediction. ``classes`` is empty for one output."""

    link: Link
    classes: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def n_outputs(self) -> int:
        """How many raw scores the model gives a row."""
        return len(self.classes) or 1

    def predict(self, raws: Sequence[float]) -> Prediction:
        """Prediction for one row.

        Parameters
        ----------
        raws
            As many raw scores as `n_outputs`.

        Returns
        -------
        Prediction
            Of several classes, the first with the highest raw score is decided on.

        Raises
        ------
        RequestError
            A raw score is NaN or infinite: such a model cannot do without the features that are missing.

        Examples
        --------
        >>> Head("softmax", ("cat", "dog")).predict([0.0, 0.0])
        Prediction(raw_score=0.0, score=0.5, decision='cat', scores=(0.5, 0.5))
        >>> Head("identity").predict([3.5])
        Prediction(raw_score=3.5, score=3.5, decision='', scores=())

        """
        for raw in raws:
            if not isfinite(raw):
                raise RequestError(
                    "features",
                    f"make the model give {raw}",
                    "supply what is missing, or give the model a default for it",
                )
        if not self.classes:
            (raw,) = raws
            score = sigmoid(raw) if self.link == "sigmoid" else _scores_of(self.link, raws)[0]
            return Prediction(raw, score, "" if self.decision is None else self.decision.of(score))
        scores = _scores_of(self.link, raws)
        best = max(range(len(raws)), key=raws.__getitem__)
        return Prediction(raws[best], scores[best], self.classes[best], scores)


def _scores_of(link: Link, raws: Sequence[float]) -> tuple[float, ...]:
    """Scores of one row."""
    if link == "softmax":
        return softmax(raws)
    if link == "sigmoid":
        return tuple(map(sigmoid, raws))
    if link == "negated":
        return tuple(-raw for raw in raws)
    if link == "exp2":
        return tuple(2.0 ** min(raw, _HIGHEST_POWER) for raw in raws)
    return tuple(raws)


def to_scores(link: Link, raws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores of many rows, each as `Head.predict` gives it.

    Parameters
    ----------
    link
        The head's.
    raws
        Raw scores ``[n, outputs]``.

    Returns
    -------
    numpy.ndarray
        Scores ``[n, outputs]``.

    Examples
    --------
    >>> to_scores("softmax", np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]

    """
    if link == "identity":
        return raws
    return np.array([_scores_of(link, row) for row in raws.tolist()], dtype=np.float64).reshape(raws.shape)


def require_head(task: Task, head: Head) -> None:
    """Refuse a head that does not fit its task.

    Parameters
    ----------
    task, head
        As a manifest states them.

    Raises
    ------
    ValueError
        The link is none of the task's; or there are classes where there is one output, or none or thresholds where
        there are several.

    """
    if head.link not in LINKS[task]:
        raise ValueError(f"a {task} model has the link {' or '.join(LINKS[task])}, not {head.link}")
    if task not in OF_CLASSES:
        if head.classes:
            raise ValueError(f"a {task} model has one output, but there are classes")
    elif len(set(head.classes)) != len(head.classes) or len(head.classes) < 2:
        raise ValueError(f"a {task} model has two classes or more, each with a name of its own")
    elif head.decision is not None:
        raise ValueError(f"a {task} model decides on the class of the highest raw score, so it has no thresholds")
