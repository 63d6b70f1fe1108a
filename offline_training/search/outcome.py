"""What a search did and chose, as data: for the account of a training and for the registry."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec


class TrialReport(msgspec.Struct, frozen=True, kw_only=True):
    """One finished trial; ``validation_score`` is None where it was given up.

    Number 0 is what ``model.yaml`` states.
    """

    number: int
    algorithm: str
    params: dict[str, bool | int | float | str]
    validation_score: float | None
    began_at: datetime
    ended_at: datetime


class SearchSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One search. ``given_score`` is that of what ``model.yaml`` states, None where it was not measured."""

    metric: str
    folds: int
    best_model: str
    best_params: dict[str, bool | int | float | str]
    best_score: float
    given_score: float | None
    n_trials: int
    n_pruned: int
    seconds: float

    def line(self) -> str:
        """For people."""
        given = "" if self.given_score is None else f", {self.given_score:.4f} for what model.yaml states"
        return (
            f"{self.best_model} chosen of {self.n_trials} trials ({self.n_pruned} given up) in {self.seconds:.0f} s: "
            f"{self.metric} {self.best_score:.4f} over {folds_text(self.folds)}{given}"
        )


def folds_text(n: int) -> str:
    """So many folds, in words."""
    return "one fold" if n == 1 else f"{n} folds"


class SearchReport(NamedTuple):
    """A search as a whole, and each of its finished trials by number."""

    summary: SearchSummary
    trials: tuple[TrialReport, ...]
