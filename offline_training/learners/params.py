"""What the parameters of an algorithm may be, refused before a row is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from features.errors import DomainError
from offline_training.learners.learner import Params

Value: TypeAlias = bool | int | float | str

LARGEST: Final = 2**31 - 1
"""Whole number that every library can hold."""


class Whole(NamedTuple):
    """A whole number."""

    least: int
    most: int = LARGEST

    def takes(self, value: Value) -> bool:
        """Whether it is one within the bounds."""
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most

    def __str__(self) -> str:
        """As a refusal says what to write."""
        return f"a whole number from {self.least} {'on' if self.most == LARGEST else f'to {self.most}'}"


class Number(NamedTuple):
    """A finite number between bounds that belong to it, or are ``open``."""

    least: float
    most: float = math.inf
    least_open: bool = False
    most_open: bool = False

    def takes(self, value: Value) -> bool:
        """Whether it is one within the bounds."""
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and (self.least < value if self.least_open else self.least <= value)
            and (value < self.most if self.most_open else value <= self.most)
        )

    def __str__(self) -> str:
        """As a refusal says what to write."""
        least = f"above {self.least:g}" if self.least_open else f"from {self.least:g} on"
        most = "" if self.most == math.inf else f", {'below' if self.most_open else 'up to'} {self.most:g}"
        return f"a number {least}{most}"


class Choice(NamedTuple):
    """One of several words."""

    words: tuple[str, ...]

    def takes(self, value: Value) -> bool:
        """Whether it is one of them."""
        return isinstance(value, str) and value in self.words

    def __str__(self) -> str:
        """As a refusal says what to write."""
        return " or ".join(self.words)


class Flag(NamedTuple):
    """True or false."""

    def takes(self, value: Value) -> bool:
        """Whether it is one of the two."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        """As a refusal says what to write."""
        return "true or false"


class Text(NamedTuple):
    """Any text; who reads it refuses what it cannot read."""

    def takes(self, value: Value) -> bool:  # noqa: ARG002 - of no text that is wrong here
        """Whatever it is."""
        return True

    def __str__(self) -> str:
        """As a refusal says what to write."""
        return "a text"


class Either(NamedTuple):
    """What one of several kinds takes."""

    kinds: tuple[Whole | Number | Choice, ...]

    def takes(self, value: Value) -> bool:
        """Whether one of them takes it; a whole number counts rows or columns, and is no share."""
        whole = isinstance(value, int)
        return any(kind.takes(value) for kind in self.kinds if not (whole and isinstance(kind, Number)))

    def __str__(self) -> str:
        """As a refusal says what to write."""
        return " or ".join(map(str, self.kinds))


Accepted: TypeAlias = Mapping[str, Whole | Number | Choice | Flag | Text | Either]
"""What each parameter of an algorithm may be."""

POSITIVE: Final = Number(0.0, least_open=True)
NOT_NEGATIVE: Final = Number(0.0)
SHARE: Final = Number(0.0, 1.0, least_open=True)
"""A part of a whole, which may be all of it and not nothing."""


def require_accepted(learner: str, params: Params, accepted: Accepted) -> None:
    """DomainError for a parameter that an algorithm does not take, and for a value that it cannot be."""
    for name, value in sorted(params.items()):
        where = f"model.yaml: params.{name}"
        if name not in accepted:  # the engine sets it itself, or there is none
            raise DomainError(where, f"is not accepted by {learner}", f"it takes {', '.join(sorted(accepted))}")
        if not accepted[name].takes(value):
            raise DomainError(where, f"is {value!r}", f"write {accepted[name]}{_hint(value)}")


def _hint(value: Value) -> str:
    """Why a text that Python takes for a number is none."""
    try:
        float(value if isinstance(value, str) else "")
    except ValueError:
        return ""
    return " (YAML takes 1e-3 and 1.0e3 for texts; write 1.0e-3, 1.0e+3)"


@contextmanager
def telling(learner: str, refusal: type[Exception]) -> Iterator[None]:
    """DomainError in place of a library's own, for what it refuses only once it sees the rows."""
    try:
        yield
    except refusal as error:
        problem = next(iter(str(error).splitlines()), "it says nothing")
        raise DomainError(f"algorithm: {learner}", f"cannot learn from these rows ({problem})", "see params") from error


def shares(amounts: np.ndarray) -> np.ndarray:
    """Amounts in parts of their sum; as they are where that is zero."""
    amounts = np.asarray(amounts, dtype=np.float64)
    total = float(amounts.sum())
    return amounts / total if total else amounts
