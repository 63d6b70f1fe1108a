"""The words of a text, weighed: how often each word of a vocabulary is in it, and how rare it is elsewhere (TF-IDF)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from onnx import numpy_helper

from features.errors import DomainError
from offline_training.preparation.graph import Graph

_PORTION = 4_096
"""Rows that are counted at a time."""


class TfIdf(NamedTuple):
    """A column for each of ``words``, which rise: its count times its weight, over the length of all of these together.

    ``columns`` are the inputs that hold a word each, as a number, in any order; null is none. A word that is not in the
    vocabulary counts for nothing, so a text of such words alone, or an empty one, is nought throughout.
    """

    name: str
    columns: tuple[int, ...]
    words: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """See `Step`."""
        return tuple(f"{self.name}={word:.0f}" for word in self.words)

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """See `Step`."""
        return (self.columns,) * len(self.words)

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """See `Step`: each word and its neighbours as the first of a text, some of them as its last."""
        words = np.array(self.words)
        around = np.concatenate([words, np.nextafter(words, -np.inf), np.nextafter(words, np.inf)])
        return {self.columns[0]: around, self.columns[-1]: around[:10]}

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """See `Step`."""
        asked = rows[:, list(self.columns)]
        parts = [self._weighed(asked[begin : begin + _PORTION]) for begin in range(0, len(asked), _PORTION)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.words)))

    def _weighed(self, asked: np.ndarray) -> np.ndarray:
        words = np.array(self.words)
        places = np.minimum(np.searchsorted(words, asked), len(words) - 1)
        at, slots = np.nonzero(words[places] == asked)
        counts = np.zeros((len(asked), len(words)))
        np.add.at(counts, (at, places[at, slots]), 1.0)
        weighed = counts * np.array(self.weights)
        lengths = np.sqrt(np.cumsum(weighed * weighed, axis=1)[:, -1:])
        return np.asarray(weighed / np.where(lengths == 0.0, 1.0, lengths))

    def draw(self, graph: Graph, rows: str) -> str:
        """See `Step`. Counts go where the number of the word says, what is in no vocabulary behind them all."""
        asked = graph.columns(rows, self.columns)
        counts = graph.columns(self._counted(graph, asked), range(len(self.words)))
        weighed = graph.node("Mul", counts, graph.doubles(self.weights))
        sums = graph.node("CumSum", graph.node("Mul", weighed, weighed), graph.integers(1))
        lengths = graph.node("Sqrt", graph.columns(sums, [-1]))
        nothing = graph.node("Equal", lengths, graph.doubles(0.0))
        return graph.node("Div", weighed, graph.node("Where", nothing, graph.doubles(1.0), lengths))

    def _counted(self, graph: Graph, asked: str) -> str:
        n_words, absent = len(self.words), graph.node("IsNaN", asked)
        numbers = graph.node(
            "LabelEncoder",
            asked,
            domain="ai.onnx.ml",
            keys_tensor=numpy_helper.from_array(np.array(self.words), "words"),
            values_tensor=numpy_helper.from_array(np.arange(n_words), "numbers"),
            default_tensor=numpy_helper.from_array(np.array([n_words]), "none"),
        )
        one = graph.doubles(1.0)
        ones = graph.node("Where", absent, one, one)  # as many as there are inputs
        zeros = graph.doubles(np.zeros((1, n_words + 1)))
        blank = graph.node("Where", graph.columns(absent, [0]), zeros, zeros)  # as many as there are rows
        return graph.node("ScatterElements", blank, numbers, ones, axis=1, reduction="add")


def fit_tfidf(name: str, columns: tuple[int, ...], rows: np.ndarray, *, most: int, min_rows: int) -> TfIdf:
    """The vocabulary and its weights, of training rows ``[n, k]``: the words in most rows, at most so many of them.

    A weight is ``ln((1 + n) / (1 + rows with the word)) + 1``, as scikit-learn's ``TfidfVectorizer`` has it.
    DomainError where no word is in enough rows.
    """
    asked = rows[:, list(columns)]
    ordered = np.sort(np.where(np.isfinite(asked), asked, np.nan), axis=1)
    first = np.column_stack([np.ones(len(ordered), dtype=np.bool_), ordered[:, 1:] != ordered[:, :-1]])
    words, n_rows = np.unique(ordered[first & ~np.isnan(ordered)], return_counts=True)
    commonest = np.argsort(-n_rows, kind="stable")[:most]
    kept = np.sort(commonest[n_rows[commonest] >= min_rows])
    if not len(kept):
        raise DomainError(
            f"model.yaml: preparation.texts.{name}", f"no word is in {min_rows} rows", "lower min_rows, or observe more"
        )
    weights = np.log((1.0 + len(rows)) / (1.0 + n_rows[kept])) + 1.0
    return TfIdf(name, columns, tuple(words[kept].tolist()), tuple(weights.tolist()))
