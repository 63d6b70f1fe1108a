"""Exact TreeSHAP, path-dependent: what each feature contributed to the raw score of an ensemble, given the covers.

The game of a tree: where a feature is known, a row goes its own way at the splits that ask it; where it is not, both
ways, weighed by their covers. With o = 1 where the row's own way leads over all edges of a feature to a leaf (else 0),
and z the product of the shares of the cover on those edges, a feature's Shapley value is the sum over the leaves of

    value · (o − z) · ∫₀¹ ∏ (t · o' + (1 − t) · z') dt        (the product is over the path's other features)

by Owen's multilinear extension. The integrand is a polynomial in t, so Gauss-Legendre quadrature with enough nodes is
exact, and as all its terms are positive, nothing cancels. One pass down collects the products, one pass up the sums of
the leaves; what a deeper edge of the same feature has to say of a leaf replaces what the edge above it said.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.shapley.tree_paths import NONE, tree_paths
from features.shapley.tree_tables import Doubles, TreeTables


class TreeShap:
    """The reference, in numpy: all nodes of one depth at a time.

    Parameters
    ----------
    tables
        The ensemble.
    n_features, n_outputs
        Of the model.

    References
    ----------
    Lundberg, Erion, Lee (2018), "Consistent individualized feature attribution for tree ensembles", Algorithm 2: the
    same values. Owen (1972), "Multilinear extensions of games". Yu, Xu, Zhu, Fu (2022), "Linear TreeShap": the sums of
    leaves, and how they are corrected.

    """

    def __init__(self, tables: TreeTables, n_features: int, n_outputs: int) -> None:
        self._tables = tables
        self._paths = paths = tree_paths(tables, n_outputs)
        self._n_features = n_features
        points, weights = np.polynomial.legendre.leggauss((paths.most_asked + 1) // 2)
        self._points: Doubles = (points + 1.0) / 2.0
        self._weights: Doubles = weights / 2.0
        self._outputs = np.repeat(tables.outputs, np.diff(paths.starts))
        self._levels = [np.flatnonzero(paths.depths == depth) for depth in range(1, int(paths.depths.max()) + 1)]

    def base(self, output: int) -> float:
        """Raw score of no feature known.

        Parameters
        ----------
        output
            Number of the output.

        Returns
        -------
        float
            The mean over the rows that the covers count.

        """
        return float(self._paths.bases[output])

    def contributions(self, row: Doubles, output: int) -> Doubles:
        """What each feature of a row contributed.

        Parameters
        ----------
        row
            The model's input, NaN for null.
        output
            Number of the output.

        Returns
        -------
        numpy.ndarray
            One double a feature; with `base` they sum to the raw score.

        """
        paths, points = self._paths, self._points
        own = self._own_ways(row)
        products = np.ones((len(paths.parents), len(points)))
        inverses = np.ones_like(products)
        for nodes in self._levels:
            factors = own[nodes, np.newaxis] * points + (1.0 - points) * paths.shares[nodes, np.newaxis]
            inverses[nodes] = np.divide(1.0, factors, out=np.zeros_like(factors), where=factors > 0.0)
            above, earlier = products[paths.parents[nodes]], paths.earlier[nodes]
            products[nodes] = above * factors * np.where(earlier == NONE, 1.0, inverses[earlier].T).T
        sums = products * paths.values[:, np.newaxis]
        for nodes in reversed(self._levels):
            np.add.at(sums, paths.parents[nodes], sums[nodes])
        return self._collected(own, inverses, sums, output)

    def _own_ways(self, row: Doubles) -> Doubles:
        """1.0 at each node that the row's own way leads to over all edges of the node's feature, else 0.0."""
        paths = self._paths
        goes_left = self._goes_left(row)
        inner = paths.parents != NONE
        own = np.ones(len(paths.parents))
        own[inner] = goes_left[paths.splits[paths.parents[inner]]] == paths.lefts[inner]
        for nodes in self._levels:
            repeated = nodes[paths.earlier[nodes] != NONE]
            own[repeated] *= own[paths.earlier[repeated]]
        return own

    def _goes_left(self, row: Doubles) -> npt.NDArray[np.bool_]:
        """Whether the row goes left at each split."""
        tables = self._tables
        values = row[tables.features]
        lefts = values <= tables.thresholds
        for split in np.flatnonzero(np.diff(tables.member_bounds)):
            first, past = tables.member_bounds[split : split + 2]
            lefts[split] = values[split] in tables.members[first:past]
        return np.where(np.isnan(values), tables.nan_lefts, lefts)

    def _collected(self, own: Doubles, inverses: Doubles, sums: Doubles, output: int) -> Doubles:
        """The nodes' terms, by feature."""
        paths, earlier = self._paths, self._paths.earlier
        weighed = sums * self._weights
        terms = (own - paths.shares) * np.einsum("ij,ij->i", weighed, inverses)
        before = (own[earlier] - paths.shares[earlier]) * np.einsum("ij,ij->i", weighed, inverses[earlier])
        terms -= np.where(earlier == NONE, 0.0, before)
        counted = (paths.parents != NONE) & (self._outputs == output)
        found = np.zeros(self._n_features)
        np.add.at(found, paths.features[counted], terms[counted])
        return found
