"""Follows which plans are in force, for processes that must know several while one takes the place of another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from features.errors import MillstreamError
from features.plan_shelf import InForce, plans_in_force
from grpc_api.served_model import Declarations, load_declarations

logger: Final = structlog.get_logger(__name__)


class PlanFollower:
    """Looks at the state folder in a thread, and tells of a change.

    Parameters
    ----------
    state_dir
        State folder of the domain.
    on_change
        Told the declarations in force, the serving ones first, when they are others than at the look before.
    interval_s
        Time between two looks.

    """

    def __init__(
        self,
        state_dir: Path,
        *,
        on_change: Callable[[tuple[Declarations, ...]], None] = lambda _: None,
        interval_s: float = 0.2,
    ) -> None:
        self._state_dir = state_dir
        self._on_change = on_change
        self._interval_s = interval_s
        self._in_force: InForce | None = None
        self._declared: tuple[Declarations, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plans", daemon=True)

    def look(self) -> tuple[Declarations, ...]:
        """The declarations in force, the serving ones first."""
        in_force = plans_in_force(self._state_dir)
        if in_force != self._in_force:
            self._declared = tuple(load_declarations(plan_hash, self._state_dir) for plan_hash in in_force.plans)
            before, self._in_force = self._in_force, in_force
            if before is not None:
                self._on_change(self._declared)
        return self._declared

    def start(self) -> None:
        """Keep looking in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self.look()
            except MillstreamError as error:
                logger.error("plans_not_readable", problem=str(error))
