"""The epochs of a fit for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

LOSS: Final = "loss"
VALIDATION_LOSS: Final = "validation_loss"
LEARNING_RATE: Final = "learning_rate"


class Epoch(NamedTuple):
    """``number`` counts from one; ``validation_loss`` is None without validation rows."""

    number: int
    loss: float
    validation_loss: float | None
    learning_rate: float


Log: TypeAlias = Callable[[Epoch], None]


@contextmanager
def open_event_log(folder: Path | None, *, begins_at: int) -> Iterator[Log]:
    """Write epochs into a folder (None: nowhere). Of a fit that goes on, what was logged from this epoch on is void."""
    if folder is None:
        yield lambda _: None
        return
    from tensorboardX import SummaryWriter

    writer: Any = SummaryWriter(str(folder), purge_step=begins_at, filename_suffix=f".{begins_at}")

    def log(epoch: Epoch) -> None:
        figures = {LOSS: epoch.loss, VALIDATION_LOSS: epoch.validation_loss, LEARNING_RATE: epoch.learning_rate}
        for name, value in figures.items():
            if value is not None:
                writer.add_scalar(name, value, epoch.number)
        writer.flush()

    try:
        yield log
    finally:
        writer.close()
