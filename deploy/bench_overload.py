"""``millstream bench overload``: ten times the calls that a scorer can answer, for a minute, and what becomes of them.

The model costs about 10 ms a score, so the capacity is some hundred a second; each call has 500 ms. The scorer has a
core to itself where there are two. First its capacity is measured, then its latency under just that load, then the
overload, and at once after it half of the capacity.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import grpc
import uvloop

from deploy.bench_score import request_of, start_scorer
from deploy.bench_score_setup import MODEL_NAME, PLAN, open_world
from deploy.overload_bench.heavy_model import make_heavy
from deploy.overload_bench.load import Answered, Caller
from deploy.stream_bench.pinning import cores, on_core

SCORE_S: Final = 0.01
DEADLINE_S: Final = 0.5
TIMES_CAPACITY: Final = 10
SECONDS: Final = 60.0
WARM_UP_S: Final = 2.0
CALLERS: Final = 4
N_ENTITIES: Final = 1_000
MIN_GOODPUT: Final = 0.8
BAR: Final = {"served_p99_ratio": 3.0, "shed_p99_ms": 50.0, "recovery_s": 2.0}
"""What no figure of these may be above."""


class Figures:
    """What four phases of calls tell."""

    def __init__(
        self,
        capacity_per_s: float,
        at_capacity: Sequence[Answered],
        overload: Sequence[Answered],
        after: Sequence[Answered],
        seconds: float,
    ) -> None:
        self.capacity_per_s = capacity_per_s
        served = [one for one in overload if is_in_time(one)]
        self.goodput_ratio = len(served) / seconds / capacity_per_s
        self.capacity_p99_ms = p99_ms(one for one in at_capacity if is_in_time(one))
        self.served_p99_ms = p99_ms(served)
        self.shed_p99_ms = p99_ms(one for one in overload if one.code is grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.late_p99_ms = p99_ms(overload, "late_s")
        self.codes = Counter(one.code.name for one in overload)
        self.recovery_s = recovery_s(after, self.capacity_p99_ms / 1e3)

    @property
    def served_p99_ratio(self) -> float:
        """Latency of what was served, against that at capacity."""
        return self.served_p99_ms / self.capacity_p99_ms

    @property
    def passed(self) -> bool:
        """Whether all aims were reached."""
        return self.goodput_ratio >= MIN_GOODPUT and all(getattr(self, name) <= most for name, most in BAR.items())


def bench_overload(*, seconds: float = SECONDS, score_s: float = SCORE_S) -> dict[str, Any]:
    """Run it; ``passed`` says whether all aims were reached."""
    servers_core, scorer_core = cores()
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder, ExitStack() as running:
        running.enter_context(on_core(servers_core))
        world = open_world(Path(folder), running, N_ENTITIES, trees=1)  # it is made heavy below
        with on_core(scorer_core):
            took_s = make_heavy(world.var / PLAN.project, MODEL_NAME, score_s)
            scorer = start_scorer(world, running)
        gc.collect()
        gc.freeze()  # a full collection of what the bench has loaded would make it late, and so every answer
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(_measure(scorer.address, seconds))
    return {
        "goodput_ratio": round(figures.goodput_ratio, 3),
        "served_p99_ratio": round(figures.served_p99_ratio, 3),
        "shed_p99_ms": round(figures.shed_p99_ms, 2),
        "recovery_s": round(figures.recovery_s, 3),
        "capacity_per_s": round(figures.capacity_per_s, 1),
        "offered_per_s": round(figures.capacity_per_s * TIMES_CAPACITY, 1),
        "capacity_p99_ms": round(figures.capacity_p99_ms, 2),
        "served_p99_ms": round(figures.served_p99_ms, 2),
        "late_p99_ms": round(figures.late_p99_ms, 2),
        "codes": dict(figures.codes.most_common()),
        "seconds": seconds,
        "model_ms": round(took_s * 1e3, 2),
        "cores": os.cpu_count(),
        "traffic": f"{TIMES_CAPACITY} times the calls that a scorer can answer, for {seconds:.0f} s, "
        f"each with a deadline of {DEADLINE_S * 1e3:.0f} ms",
        "least_goodput_ratio": MIN_GOODPUT,
        "bar": BAR,
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": figures.passed,
    }


async def _measure(address: str, seconds: float) -> Figures:
    caller = Caller(address, lambda user: request_of(user % N_ENTITIES), DEADLINE_S)
    try:
        await caller.in_turn(CALLERS, WARM_UP_S)
        phase_s = max(2.0, seconds / 6)
        capacity_per_s = sum(map(is_in_time, await caller.in_turn(CALLERS, phase_s))) / phase_s
        at_capacity = await caller.by_the_clock(capacity_per_s, phase_s)
        overload = asyncio.create_task(caller.by_the_clock(capacity_per_s * TIMES_CAPACITY, seconds))
        await asyncio.sleep(seconds)
        after = await caller.by_the_clock(capacity_per_s / 2, max(3.0, seconds / 10))
        return Figures(capacity_per_s, at_capacity, await overload, after, seconds)
    finally:
        await caller.close()


def is_in_time(answered: Answered) -> bool:
    """Whether a call was answered with a score within its deadline."""
    return answered.code is grpc.StatusCode.OK and answered.took_s <= DEADLINE_S


def p99_ms(answers: Iterable[Answered], what: str = "took_s") -> float:
    """99th percentile of latencies; endless where there are none."""
    took_s = [getattr(one, what) for one in answers]
    return quantiles(took_s, n=100, method="inclusive")[98] * 1e3 if len(took_s) > 1 else float("inf")


def recovery_s(after: Sequence[Answered], usual_s: float) -> float:
    """How long after the overload the last call was due that was refused, or took twice the usual; 0: none."""
    begin_s = after[0].due_s
    last = max((one.due_s for one in after if not is_in_time(one) or one.took_s > 2 * usual_s), default=None)
    return 0.0 if last is None else last - begin_s
