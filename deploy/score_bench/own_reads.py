"""``python -m deploy.score_bench.own_reads VAR ENTITIES SECONDS``: the scorer's way to features, in process.

As `deploy.score_bench.feast_reads` calls Feast's SDK: no hop to a server, no answer to encode; the states are fetched,
every window finished at the instant of the call, and each row put together as a model takes it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from deploy.bench_score_setup import MODEL_NAME, PLAN
from deploy.score_bench.feast_reads import ROWS, WARM_UP_CALLS
from deploy.score_bench.latencies import Taken, to_latencies
from features.redis_store import RedisStore
from features.settings import Settings
from features.vector import MissingPolicy
from grpc_api.births import BirthWatch
from grpc_api.finishing import to_vector
from grpc_api.lookup import Fetcher
from grpc_api.served_model import Inputs, load_declarations
from grpc_api.server import new_event_loop

KEY: Final = PLAN.views[0].keys[0].name


class OwnReads:
    """A connection to the store, and what is read over it."""

    def __init__(self, settings: Settings) -> None:
        declarations = load_declarations(PLAN.hash, settings.state_dir(PLAN.project))
        self._inputs = Inputs(declarations, MODEL_NAME, MissingPolicy())

        def open_reader() -> RedisStore:
            return RedisStore(PLAN.project, settings.store)

        self._fetcher = Fetcher(open_reader=open_reader, watch=BirthWatch(open_reader=open_reader))

    async def read(self, users: list[int]) -> list[list[float]]:
        """The vector of each user, as of now."""
        inputs = self._inputs
        fetched = await self._fetcher.fetch(inputs.views, inputs.keys, [{KEY: user} for user in users])
        now_us = time.time_ns() // 1_000
        return [to_vector(inputs, stored, now_us, {})[1].values for stored in fetched.rows]

    async def close(self) -> None:
        """Close the connection."""
        await self._fetcher.close()


async def measure(reads: OwnReads, n_entities: int, rows: int, seconds: float) -> Taken:
    """Read so many rows a call."""
    generator = np.random.default_rng(rows)
    took_ns: list[int] = []
    clock = time.perf_counter_ns
    for _ in range(WARM_UP_CALLS):
        await reads.read(generator.integers(0, n_entities, rows).tolist())
    began_ns = clock()
    while clock() - began_ns < seconds * 1e9:
        users = generator.integers(0, n_entities, rows).tolist()
        asked_ns = clock()
        await reads.read(users)
        took_ns.append(clock() - asked_ns)
    return Taken(took_ns, 0, (clock() - began_ns) / 1e9)


async def main(settings: Settings, n_entities: int, seconds: float) -> None:
    """Measure all, and say it."""
    reads = OwnReads(settings)
    gc.collect()
    gc.freeze()
    told = {rows: await measure(reads, n_entities, rows, seconds) for rows in ROWS}
    await reads.close()
    print(json.dumps({rows: to_latencies("our reads", [taken])._asdict() for rows, taken in told.items()}))


if __name__ == "__main__":
    from features.settings import load_settings

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(load_settings(var=Path(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3])))
