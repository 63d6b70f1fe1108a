"""The average label of a category, drawn towards that of all, in its place.

References
----------
Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes".

"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import onnx

from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.onnx_trees import to_onnx
from offline_training.preparation.graph import Graph

FOLDS: Final = 5


class TargetEncoding(NamedTuple):
    """A category ``values[i]`` (rising) reads as ``codes[i]``, null as ``null``, an unseen value as ``unseen``.

    A code has an entry for each of ``ends``, the ends of the columns' names: one, or one a class.
    """

    name: str
    column: int
    ends: tuple[str, ...]
    n_inputs: int
    values: np.ndarray
    codes: np.ndarray
    null: np.ndarray
    unseen: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """See `Step`."""
        return tuple(f"{self.name}.{end}" for end in self.ends)

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """See `Step`."""
        return ((self.column,),) * len(self.ends)

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """See `Step`: each value and its neighbours."""
        some = (self.values, np.nextafter(self.values, -np.inf), np.nextafter(self.values, np.inf))
        return {self.column: np.concatenate(some)}

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """See `Step`."""
        return self.encode(rows[:, self.column])

    def encode(self, found: np.ndarray) -> np.ndarray:
        """Codes ``[n, ends]`` of values ``[n]``."""
        codes = np.tile(self.unseen, (len(found), 1))
        if len(self.values):
            places = np.minimum(np.searchsorted(self.values, found), len(self.values) - 1)
            seen = self.values[places] == found
            codes[seen] = self.codes[places[seen]]
        codes[np.isnan(found)] = self.null
        return codes

    def draw(self, graph: Graph, rows: str) -> str:
        """See `Step`: a tree for each entry, which adds nothing to the leaf that it finds."""
        trees = tuple(self._tree(end) for end in range(len(self.ends)))
        model = onnx.load_model_from_string(to_onnx(Ensemble(self.n_inputs, trees, len(trees))))
        (node,) = model.graph.node
        node.input[0] = rows
        return graph.add(node)

    def _tree(self, end: int) -> Tree:
        """A balanced search: between the values stand leaves of the unseen."""
        unseen = float(self.unseen[end])
        bounds = np.column_stack([np.nextafter(self.values, -np.inf), self.values]).ravel().tolist()
        leaves = [unseen, *(leaf for code in self.codes[:, end].tolist() for leaf in (code, unseen))]
        null = len(leaves)
        splits = [Split(self.column, np.inf, None, False, 1 if bounds else ~0, ~null, 0)]

        def search(low: int, high: int) -> int:
            """The node that tells apart the leaves from ``low`` to ``high``."""
            if low == high:
                return ~low
            node, middle = len(splits), (low + high) // 2
            splits.append(Split(self.column, bounds[middle], None, False, 0, 0, 0))
            left, right = search(low, middle), search(middle + 1, high)
            splits[node] = splits[node]._replace(left=left, right=right)
            return node

        search(0, len(bounds))
        values = (*leaves, float(self.null[end]))
        return Tree(tuple(splits), values, (0.0,) * len(values), end)


def blank_encoding(name: str, column: int, n_inputs: int, n_classes: int) -> TargetEncoding:
    """The encoding of an input that nothing is known of yet."""
    ends = tuple(f"target={number}" for number in range(n_classes)) if n_classes > 2 else ("target",)
    nothing = np.empty(0)
    return TargetEncoding(name, column, ends, n_inputs, nothing, nothing, nothing, nothing)


def targets_of(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """What is averaged ``[n, ends]``: labels, or of more than two classes whether it is each."""
    column = labels[:, np.newaxis]
    return (column == np.arange(n_classes) if n_classes > 2 else column).astype(np.float64)


def fit_target_encoding(
    blank: TargetEncoding, found: np.ndarray, targets: np.ndarray, smoothing: float
) -> TargetEncoding:
    """The encoding that these values and targets ``[n, ends]`` ask for, under the names of a blank one."""
    average = targets.mean(axis=0) + 0.0
    values, of_row, counts = np.unique(found[np.isfinite(found)], return_inverse=True, return_counts=True)
    known = targets[np.isfinite(found)]
    sums = np.column_stack([np.bincount(of_row, weights=one, minlength=len(values)) for one in known.T])
    codes = (sums + smoothing * average) / (counts[:, np.newaxis] + smoothing) + 0.0
    nulls = targets[np.isnan(found)]
    null = (nulls.sum(axis=0) + smoothing * average) / (len(nulls) + smoothing) + 0.0
    return blank._replace(values=values, codes=codes, null=null, unseen=average)


def cross_encode(
    blank: TargetEncoding, found: np.ndarray, targets: np.ndarray, smoothing: float, seed: int
) -> np.ndarray:
    """Codes of the rows of a fit, each by the other folds, so that no row reads its own label."""
    n_folds = min(FOLDS, len(found))
    folds = np.random.default_rng(seed).permutation(len(found)) % n_folds
    codes = np.empty(targets.shape)
    for fold in range(n_folds):
        own = folds == fold
        codes[own] = fit_target_encoding(blank, found[~own], targets[~own], smoothing).encode(found[own])
    return codes
