"""How a fit is going: by the loss on its validation rows, when to slow down, and when to stop."""

from __future__ import annotations

import math
from typing import NamedTuple


class Course(NamedTuple):
    """``least`` is the loss after ``best_epoch``; ``drops`` are the epochs after which the learning rate was halved."""

    epoch: int = 0
    least: float = math.inf
    best_epoch: int = 0
    drops: tuple[int, ...] = ()

    def after(self, loss: float, *, plateau_epochs: int | None) -> Course:
        """One epoch on; on a plateau of so many epochs (None: never) the rate drops."""
        epoch = self.epoch + 1
        if loss < self.least:
            return self._replace(epoch=epoch, least=loss, best_epoch=epoch)
        slow_since = max((self.best_epoch, *self.drops))
        if plateau_epochs is not None and epoch - slow_since >= plateau_epochs:
            return self._replace(epoch=epoch, drops=(*self.drops, epoch))
        return self._replace(epoch=epoch)

    def is_over(self, patience: int) -> bool:
        """Whether the loss has not been lower for so many epochs."""
        return self.epoch - self.best_epoch >= patience

    @property
    def drops_to_best(self) -> tuple[int, ...]:
        """Those that the best epoch came after."""
        return tuple(drop for drop in self.drops if drop < self.best_epoch)


def rate_at(epoch: int, rate: float, drops: tuple[int, ...]) -> float:
    """Learning rate of an epoch, counted from one."""
    return rate * float(0.5 ** sum(drop < epoch for drop in drops))
