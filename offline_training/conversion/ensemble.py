"""An ensemble of trees as plain data, whichever library grew it: what is converted, explained and probed."""

from __future__ import annotations

from typing import NamedTuple


class Split(NamedTuple):
    """One decision: left if ``x <= threshold`` (or ``x`` in ``members``, for a category), else right.

    The threshold is a double, and decides on the double that a row holds; a library that rounds its rows first has
    been given the threshold that decides alike. A child below zero is the leaf ``~child``.
    """

    feature: int
    threshold: float
    members: tuple[int, ...] | None
    nan_goes_left: bool
    left: int
    right: int
    cover: float


class Tree(NamedTuple):
    """Splits, the root first and each after its parent; none for a tree that is one leaf."""

    splits: tuple[Split, ...]
    leaf_values: tuple[float, ...]
    leaf_covers: tuple[float, ...]
    output: int = 0


class Ensemble(NamedTuple):
    """A raw score of an output is the sum of its trees' leaves, from 0.0, in this order, over ``divisor``."""

    n_features: int
    trees: tuple[Tree, ...]
    n_outputs: int = 1
    divisor: float = 1

    @property
    def categorical(self) -> frozenset[int]:
        """Features that some split reads as a category."""
        return frozenset(s.feature for tree in self.trees for s in tree.splits if s.members is not None)
