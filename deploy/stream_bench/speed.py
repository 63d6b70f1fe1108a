"""Events a second of a running contestant, seen from the store, so that it is the same measure for all."""

from __future__ import annotations

import time
from typing import Final

from deploy.stream_bench.contestant import Contestant
from features.errors import NotServingError

WARM_UP: Final = 2 / 3
"""Share of the events before the clock starts: connections, compilers and caches are warm by then."""
DEADLINE_S: Final = 120.0
POLL_S: Final = 0.01


def measure_speed(contestant: Contestant, n_events: int) -> float:
    """Events a second from the end of the warm-up to the last write; a look late at the end counts against it.

    One that has written nearly all when the warm-up is seen to be over is measured from its start, which counts
    against it as well.
    """
    wait_for(contestant, 1, contestant.first_write_s)
    began, began_s = wait_for(contestant, max(1, round(n_events * WARM_UP)), DEADLINE_S)
    if began > n_events * (1 + WARM_UP) / 2:
        began, began_s = 0, contestant.started_s
    wait_for(contestant, n_events, DEADLINE_S)
    return (n_events - began) / (time.perf_counter() - began_s)


def wait_for(contestant: Contestant, n_events: int, deadline_s: float) -> tuple[int, float]:
    """How many are done once these are, and when that was asked; NotServingError where it ends or takes longer."""
    process, deadline = contestant.process, time.monotonic() + deadline_s
    while True:
        asked_s = time.perf_counter()
        done = contestant.done()
        if done >= n_events:
            return done, asked_s
        if not process.is_running:
            raise NotServingError(process.name, f"ended after {done} events; {process.log_end()}")
        if time.monotonic() > deadline:
            problem = f"wrote {done} of {n_events} events in {deadline_s:.0f} s; {process.log_end()}"
            raise NotServingError(process.name, problem)
        time.sleep(POLL_S)
