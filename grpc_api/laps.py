"""When the parts of scoring some rows ended: all that telling stages apart costs a call."""

from __future__ import annotations

import time
from collections.abc import Iterator


class Laps:
    """Instants of the performance counter, in nanoseconds, in their order; 0 for what was not reached.

    Attributes
    ----------
    method
        Which method scores.
    began_ns
        Before its features were asked for.
    fetched_ns
        The store has answered.
    waited_ns
        The call's turn has come, where it had to wait for it.
    finished_ns
        Every window is finished, and every vector put together.
    modelled_ns
        The model has scored.

    """

    __slots__ = ("began_ns", "fetched_ns", "finished_ns", "method", "modelled_ns", "waited_ns")

    def __init__(self, method: str) -> None:
        self.method = method
        self.fetched_ns = self.waited_ns = self.finished_ns = self.modelled_ns = 0
        self.began_ns = time.perf_counter_ns()

    def fetched(self) -> None:
        """The store has answered."""
        self.fetched_ns = time.perf_counter_ns()

    def waited(self) -> None:
        """The call's turn has come."""
        self.waited_ns = time.perf_counter_ns()

    def finished(self) -> None:
        """Vectors are put together."""
        self.finished_ns = time.perf_counter_ns()

    def modelled(self) -> None:
        """The model has scored."""
        self.modelled_ns = time.perf_counter_ns()

    @property
    def arm_ns(self) -> int:
        """What it took from the turn on, once the features were there; 0 where the model had nothing to score."""
        begin_ns = self.waited_ns or self.fetched_ns or self.began_ns
        return self.modelled_ns - begin_ns if self.modelled_ns else 0

    def stages(self) -> Iterator[tuple[str, int, int]]:
        """Each stage that was passed: its name, when it began and when it ended; what was skipped took no time."""
        began_ns = self.began_ns
        for stage, ended_ns in (
            ("fetch", self.fetched_ns),
            ("turn", self.waited_ns),
            ("finish", self.finished_ns),
            ("model", self.modelled_ns),
        ):
            if ended_ns:
                yield stage, began_ns, ended_ns
                began_ns = ended_ns
