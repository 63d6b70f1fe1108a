"""Follows which plans are in force, for processes that must know several while one takes the place of another."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from features.errors import MillstreamError
from features.plan_shelf import InForce, in_force_file, plans_in_force
from grpc_api.file_intake import FileIntake
from grpc_api.rounds import Rounds
from grpc_api.served_model import Declarations, load_declarations

logger: Final = structlog.get_logger(__name__)

INTERVAL_S: Final = 0.2


class PlanFollower:
    """Looks at the state folder in a thread, and tells of a change.

    Parameters
    ----------
    state_dir
        State folder of the domain.
    on_change
        Told the declarations in force, the serving ones first, when they are others than at the look before. Should
        that fail, or they not be had, it is tried again each minute, and those before go on.
    on_refused
        Told whether that is so, whenever it changes.
    now_s
        A monotonic clock.

    """

    def __init__(
        self,
        state_dir: Path,
        *,
        on_change: Callable[[tuple[Declarations, ...]], None] = lambda _: None,
        on_refused: Callable[[bool], None] = lambda _: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state_dir = state_dir
        self._on_change = on_change
        self._on_refused = on_refused
        self._in_force: InForce | None = None
        self._declared: tuple[Declarations, ...] = ()
        self._intake = FileIntake(in_force_file(state_dir), self._take, on_turn=self._turned, now_s=now_s)
        self._rounds = Rounds(self.look, name="plans", wait_s=lambda: INTERVAL_S)

    def look(self) -> tuple[Declarations, ...]:
        """The declarations in force, the serving ones first; the first look raises where they cannot be had."""
        if self._in_force is None:
            self._take()
        else:
            self._intake.look()
        return self._declared

    def start(self) -> None:
        """Keep looking in a thread."""
        self._rounds.start()

    def stop(self) -> None:
        """End the thread."""
        self._rounds.stop()

    def _take(self) -> None:
        in_force = plans_in_force(self._state_dir)
        if in_force == self._in_force:
            return
        declared = tuple(load_declarations(plan_hash, self._state_dir) for plan_hash in in_force.plans)
        if self._in_force is not None:
            self._on_change(declared)
        self._in_force, self._declared = in_force, declared

    def _turned(self, error: Exception | None) -> None:
        """The plans in force are refused, or are not any more."""
        if error is None:
            logger.info("plans_taken")
        else:
            logger.error("plans_refused", problem=str(error), exc_info=not isinstance(error, MillstreamError))
        self._on_refused(error is not None)
