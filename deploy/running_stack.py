"""The embedded stack as a roll-out sees it: what it is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from deploy.metrics_page import MetricsPage
from deploy.scorer_processes import wait_for_each
from deploy.served_models import read_served
from deploy.stack_file import StackFile, is_supervised, read_stack
from deploy.status import process_status
from features.errors import NotServingError
from features.plan_shelf import InForce, fed_plans
from features.routing import CHAMPION
from features.settings import Settings

DEADLINE_S = 120.0
POLL_S = 0.1


class RunningStack:
    """The stack of one state folder, which may not run."""

    def __init__(self, settings: Settings, state_dir: Path) -> None:
        self._settings = settings
        self._state_dir = state_dir

    @property
    def runs(self) -> bool:
        """Whether a supervisor starts and ends workers as plans come and go."""
        return is_supervised(self._state_dir)

    @property
    def has_scorer(self) -> bool:
        """Whether a scorer of the stack can be asked what it serves."""
        return self.runs and "scorer" in self._file().processes

    def wait_for_workers(self, plan_hash: str) -> None:
        """Return once the stack's workers of this plan read all of their partitions."""

        def ready() -> bool:
            workers = {name: info for name, info in self._file().processes.items() if info.plan == plan_hash}
            return bool(workers) and all(process_status(name, info).ready for name, info in workers.items())

        self._wait(ready, f"workers of plan {plan_hash}", "are not ready; see their logs")

    def wait_for_end_of_other_workers(self, in_force: InForce) -> None:
        """Return once no worker runs but of plans that are to be fed."""
        fed = fed_plans(self._state_dir, in_force)

        def gone() -> bool:
            return all(info.plan in fed for info in self._file().processes.values() if info.plan is not None)

        self._wait(gone, "workers", "of a plan that is gone still run; see the supervisor's log")

    def wait_for_scorer(self, plan_hash: str) -> None:
        """Return once every process of the scorer serves this plan, and of each model the champion."""

        def serves(page: MetricsPage) -> bool:
            return page.value("millstream_scorer_plan_info", plan=plan_hash) == 1 and all(
                page.value("millstream_scorer_model_info", model=served.model, arm=CHAMPION, version=served.version)
                == 1
                for served in read_served(self._state_dir)
                if served.arm == CHAMPION
            )

        problem = f"does not serve plan {plan_hash} and the champions; see its log"
        wait_for_each(self._settings.scorer, serves, problem, DEADLINE_S)

    def _file(self) -> StackFile:
        stack = read_stack(self._state_dir)
        if stack is None:
            raise NotServingError("stack", "has ended")
        return stack

    def _wait(self, condition: Callable[[], bool], where: str, problem: str) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end_s:
                raise NotServingError(where, f"{problem} ({DEADLINE_S:.0f} s)")
            time.sleep(POLL_S)
