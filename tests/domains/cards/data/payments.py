"""Payments as columns: who, with what, where, when, how much, what the bank said. Only the maker knows of fraud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np

APPROVED, NO_FUNDS, WRONG_CODE, BLOCKED = range(4)
ANSWERS: Final = ("approved", "insufficient_funds", "wrong_code", "card_blocked")


class Payments(NamedTuple):
    """``at`` is in days since the start; all else are numbers of things, cents, and places in `ANSWERS`."""

    at: np.ndarray
    customer: np.ndarray
    card: np.ndarray
    merchant: np.ndarray
    device: np.ndarray
    cents: np.ndarray
    answer: np.ndarray
    fraud: np.ndarray

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after another."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def take(self, rows: np.ndarray) -> Self:
        """Some rows."""
        return type(self)(*(column[rows] for column in self))
