"""A fuzz run: requests go out over gRPC and REST together, and no answer may show that the server stumbled."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Final

from deploy.fuzz.grpc_calls import GrpcFuzz
from deploy.fuzz.report import FuzzReport
from deploy.fuzz.rest_calls import RestFuzz

REST_SHARE: Final = 3
"""One request of so many goes by REST, whose routes lead to the same methods."""


async def fuzz(grpc: GrpcFuzz, rest: RestFuzz, n: int, *, seed: int) -> FuzzReport:
    """Send ``n`` requests; the same seed makes the same ones."""
    report, begin_s, n_rest = FuzzReport(), time.monotonic(), n // REST_SHARE
    async with asyncio.TaskGroup() as group:
        group.create_task(grpc.run(n - n_rest, random.Random(seed), report))  # noqa: S311 - to be repeated, not secret
        group.create_task(rest.run(n_rest, random.Random(seed), report))  # noqa: S311 - as well
    report.codes = dict(Counter(report.codes).most_common())
    report.healthy = await grpc.is_healthy() and await rest.is_healthy()
    report.seconds = round(time.monotonic() - begin_s, 1)
    return report
