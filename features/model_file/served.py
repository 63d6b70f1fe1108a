"""What ``model.yaml`` says of learning from what was served, and of the challenger that learns online."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from typing import Final

from features.durations import parse_duration_us
from features.errors import DomainError
from features.head import Task
from features.model_file.struct import ModelStruct

ONLINE: Final[tuple[Task, ...]] = ("binary", "regression")
"""What a challenger can learn."""


class ServedSpec(ModelStruct, frozen=True, kw_only=True):
    """Which outcome a score has: that of the first observation which begins at it, or up to ``within`` later."""

    within: str = "0d"

    @property
    def within_us(self) -> int:
        """How long after a score its observation may begin, in microseconds."""
        return parse_duration_us(self.within)


class ChallengerSpec(ModelStruct, frozen=True, kw_only=True):
    """A linear model that learns from one outcome after the other, and serves as challenger.

    ``learning_rate`` is the step of its gradient descent, ``l2`` how strongly its weights are drawn to zero.
    """

    learning_rate: float = 0.02
    l2: float = 0.0


def check_served(where: str, task: Task, served: ServedSpec, challenger: ChallengerSpec | None) -> None:
    """Refuse what is no length of time, and a challenger that cannot learn."""
    try:
        parse_duration_us(served.within)
    except ValueError as error:
        raise DomainError(f"{where}.served.within", str(error), "write a whole number and a unit") from None
    if challenger is None:
        return
    if task not in ONLINE:
        raise DomainError(f"{where}.challenger", f"cannot learn a {task} model", "leave it out")
    if not 0 < challenger.learning_rate <= 1:
        raise DomainError(f"{where}.challenger.learning_rate", "is not above 0 and at most 1", "say 0.02 or so")
    if not 0 <= challenger.l2 < 1:
        raise DomainError(f"{where}.challenger.l2", "is not from 0 to below 1", "say 0, or a small number")
