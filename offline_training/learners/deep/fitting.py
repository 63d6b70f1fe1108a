"""A fit of a network from its first epoch, or from where it was killed, to the epoch that it stops at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import jax
import numpy as np

from features.progress import Progress, no_progress
from offline_training.learners.deep.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from offline_training.learners.deep.course import Course, rate_at
from offline_training.learners.deep.descent import Descent, Rows, begin_at, run_epoch
from offline_training.learners.deep.event_log import Epoch, open_event_log
from offline_training.learners.deep.network import Network
from offline_training.learners.learner import Report

Loss: TypeAlias = Callable[[Network], float]


class Watch(NamedTuple):
    """The loss of a network on rows that it does not learn from, and who hears of it after each epoch."""

    loss_of: Loss
    report: Report


class Schedule(NamedTuple):
    """How long and how fast: ``drops`` are epochs after which the rate is halved; none: where the loss stalls.

    The ``seed`` decides the order of the rows, and what is dropped.
    """

    seed: int
    epochs: int
    learning_rate: float
    patience: int
    plateau_epochs: int
    drops: tuple[int, ...]


class Traces(NamedTuple):
    """Where a fit leaves what it has done: its checkpoint, its log, and a bar; each may be nowhere."""

    checkpoint: Path | None = None
    event_log: Path | None = None
    progress: Progress = no_progress


class Fit(NamedTuple):
    """A network, after how many epochs it was so, and after which of them the rate was halved."""

    network: Network
    epochs: int
    drops: tuple[int, ...]


def fit_network(
    network: Network, descent: Descent, schedule: Schedule, rows: Rows, *, watch: Watch | None, traces: Traces
) -> Fit:
    """As many epochs as the schedule says, or fewer where the watched loss has stopped falling."""
    start = begin_at(descent, network)
    at = Checkpoint(Course(drops=schedule.drops), start, start.network)
    if traces.checkpoint is not None:
        at = read_checkpoint(traces.checkpoint, at)
    with (
        open_event_log(traces.event_log, begins_at=at.course.epoch + 1) as log,
        traces.progress("epochs", schedule.epochs) as advance,
    ):
        advance(at.course.epoch)
        while at.course.epoch < schedule.epochs and not (watch and at.course.is_over(schedule.patience)):
            at, epoch = _next(descent, schedule, rows, watch, at)
            log(epoch)  # before the checkpoint: an epoch that is run again voids what was logged of it
            if traces.checkpoint is not None:
                write_checkpoint(traces.checkpoint, at)
            advance(1)
    return Fit(jax.tree.map(np.asarray, at.best), at.course.best_epoch or at.course.epoch, at.course.drops_to_best)


def _next(
    descent: Descent, schedule: Schedule, rows: Rows, watch: Watch | None, at: Checkpoint
) -> tuple[Checkpoint, Epoch]:
    """One epoch on. Where nobody watches, each epoch counts as the best."""
    number = at.course.epoch + 1
    rate = rate_at(number, schedule.learning_rate, at.course.drops)
    position, loss = run_epoch(descent, at.position, rows, seed=schedule.seed, epoch=number, learning_rate=rate)
    if watch is None:
        course = at.course._replace(epoch=number, best_epoch=number)
        return Checkpoint(course, position, position.network), Epoch(number, loss, None, rate)
    validation_loss = watch.loss_of(position.network)
    watch.report(number - 1, validation_loss)
    course = at.course.after(validation_loss, plateau_epochs=None if schedule.drops else schedule.plateau_epochs)
    best = position.network if course.best_epoch in {0, number} else at.best
    return Checkpoint(course, position, best), Epoch(number, loss, validation_loss, rate)
