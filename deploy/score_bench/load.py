"""Three kinds of load on a link: one call after another, so many at once, and an open loop by the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from deploy.score_bench.latencies import Taken
from deploy.score_bench.link import Link

TICK_S: Final = 0.001
"""The loop's clock counts milliseconds: calls are sent with the tick that they fall into."""
LATE_NS: Final = 2_000_000
"""A tick that comes later than this was held up by the generator; its calls count from when they were due."""
PATIENCE_S: Final = 15.0


async def closed_loop(link: Link, requests: Iterator[bytes], in_flight: int, seconds: float) -> Taken:
    """So many calls under way at all times, until the time is over and all have ended."""
    took_ns: list[int] = []
    clock, loop = time.perf_counter_ns, asyncio.get_running_loop()
    over, began_ns = loop.create_future(), clock()
    until_ns = began_ns + int(seconds * 1e9)
    failed = 0
    under_way = in_flight

    def ask() -> None:
        asked_ns = clock()

        def done(answered: bool) -> None:
            nonlocal failed, under_way
            now_ns = clock()
            if answered:
                took_ns.append(now_ns - asked_ns)
            else:
                failed += 1
            if now_ns < until_ns and answered:
                ask()
                return
            under_way -= 1
            if not under_way:
                over.set_result(None)

        link.send(next(requests), done)

    for _ in range(in_flight):
        ask()
    await asyncio.wait_for(over, seconds + PATIENCE_S)
    return Taken(took_ns, failed, (clock() - began_ns) / 1e9)


async def open_loop(
    link: Link, requests: Iterator[bytes], per_second: float, seconds: float, generator: np.random.Generator
) -> Taken:
    """Calls at instants that do not wait for answers (Poisson), until all have ended."""
    due_ns = (
        np.cumsum(generator.exponential(1e9 / per_second, max(1, round(per_second * seconds)))).astype(int).tolist()
    )
    took_ns: list[int] = []
    clock, loop = time.perf_counter_ns, asyncio.get_running_loop()
    over, began_ns = loop.create_future(), clock()
    failed, at = 0, 0

    def ask(asked_ns: int) -> None:
        def done(answered: bool) -> None:
            nonlocal failed
            if answered:
                took_ns.append(clock() - asked_ns)
            else:
                failed += 1
            if len(took_ns) + failed == len(due_ns):
                over.set_result(None)

        link.send(next(requests), done)

    def tick() -> None:
        nonlocal at
        now_ns = clock()
        while at < len(due_ns) and began_ns + due_ns[at] <= now_ns:
            planned_ns = began_ns + due_ns[at]
            ask(planned_ns if now_ns - planned_ns > LATE_NS else clock())
            at += 1
        if at < len(due_ns):
            loop.call_later(TICK_S, tick)

    tick()
    await asyncio.wait_for(over, seconds + PATIENCE_S)
    return Taken(took_ns, failed, (clock() - began_ns) / 1e9)
