"""One input over another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from offline_training.preparation.graph import Graph


class Ratio(NamedTuple):
    """``otherwise`` where an input is null or infinite, or the denominator zero. A zero has no sign."""

    name: str
    numerator: int
    denominator: int
    otherwise: float

    @property
    def names(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self.name,)

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """See `Step`."""
        return ((self.numerator, self.denominator),)

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """See `Step`: what overflows or vanishes."""
        sizes = np.array([5e-324, 1e-300, 1.0, 3.0, 1e300])
        return {column: np.concatenate([sizes, -sizes]) for column in (self.numerator, self.denominator)}

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """See `Step`."""
        over, under = rows[:, [self.numerator]], rows[:, [self.denominator]]
        defined = np.isfinite(over) & np.isfinite(under) & (under != 0.0)
        with np.errstate(over="ignore", under="ignore"):
            found = np.where(defined, over, 1.0) / np.where(defined, under, 1.0)
        return np.where(defined, np.where(found == 0.0, 0.0, found), self.otherwise)

    def draw(self, graph: Graph, rows: str) -> str:
        """See `Step`. ONNX Runtime's ``Where`` loses the sign of a zero that it chooses, so none has one here."""
        over, under = (graph.columns(rows, [column]) for column in (self.numerator, self.denominator))
        zero, one = graph.doubles(0.0), graph.doubles(1.0)
        infinite = graph.doubles(np.inf)
        finite = [graph.node("Less", graph.node("Abs", each), infinite) for each in (over, under)]
        nonzero = graph.node("Greater", graph.node("Abs", under), zero)
        defined = graph.node("And", graph.node("And", *finite), nonzero)
        whole = [graph.node("Where", defined, each, one) for each in (over, under)]
        found = graph.node("Div", *whole)
        unsigned = graph.node("Where", graph.node("Equal", found, zero), zero, found)
        return graph.node("Where", defined, unsigned, graph.doubles(self.otherwise))
