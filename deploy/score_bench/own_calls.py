"""The scorer's calls that no peer has: batches, and features without a score."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import grpc.aio
import numpy as np
import numpy.typing as npt

from deploy.bench_score_process import SERVICE
from deploy.bench_score_setup import MODEL_NAME, World
from deploy.score_bench.grpc_link import GrpcDoor
from deploy.score_bench.latencies import to_latencies
from deploy.score_bench.load import closed_loop
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

ROWS: Final = 1_000
BATCHES_IN_FLIGHT: Final = 2
N_BATCHES: Final = 50
DEADLINE_S: Final = 30.0

Measure = Callable[[], Coroutine[Any, Any, Any]]


class OwnCalls:
    """Measured for so many seconds each, once the calls are warm. ``n_rows`` have been scored in batches so far."""

    def __init__(self, address: str, world: World, n_entities: int, seconds: float) -> None:
        self._address = address
        self._vectors = np.resize(world.vectors, (n_entities, world.vectors.shape[1]))
        self._users = np.random.default_rng(13).integers(0, n_entities, (N_BATCHES, ROWS)).tolist()
        self._seconds = seconds
        self.n_rows = 0

    def all(self) -> Mapping[str, Measure]:
        """Each by its name."""
        users = [user for batch in self._users for user in batch]
        return {
            **self.batches(),
            "get_features": lambda: self._latencies("GetFeatures", [features_of(user) for user in users]),
        }

    def batches(self) -> Mapping[str, Measure]:
        """Those of batches."""
        return {
            "batch_rows_per_second_fetched": lambda: self._rows_per_second(map(fetched_rows, self._users)),
            "batch_rows_per_second_vectors": lambda: self._rows_per_second(
                supplied_rows(self._vectors[users]) for users in self._users
            ),
        }

    async def _rows_per_second(self, batches: Iterator[bytes]) -> float:
        """Rows scored a second, with the next batch always under way."""
        requests = cycle(list(batches))
        async with grpc.aio.insecure_channel(self._address, options=[("grpc.max_send_message_length", -1)]) as channel:
            call = channel.unary_unary(f"/{SERVICE}/ScoreBatch", request_serializer=None, response_deserializer=None)

            async def ask(until_s: float) -> None:
                while time.perf_counter() < until_s:
                    await call(next(requests), timeout=DEADLINE_S)
                    self.n_rows += ROWS

            async def ask_together(seconds: float) -> float:
                began_s, n_before = time.perf_counter(), self.n_rows
                await asyncio.gather(*(ask(began_s + seconds) for _ in range(BATCHES_IN_FLIGHT)))
                return (self.n_rows - n_before) / (time.perf_counter() - began_s)

            await ask_together(self._seconds / 4)
            return round(await ask_together(self._seconds))

    async def _latencies(self, method: str, requests: Sequence[bytes]) -> dict[str, Any]:
        """One call after another."""
        host, port = self._address.split(":")
        link = await GrpcDoor(f"/{SERVICE}/{method}").open(host, int(port))
        stream = cycle(requests)
        await closed_loop(link, stream, 1, self._seconds / 4)
        taken = await closed_loop(link, stream, 1, self._seconds)
        link.close()
        return to_latencies(method, [taken])._asdict()


def fetched_rows(users: Sequence[int]) -> bytes:
    """A batch whose features are fetched."""
    rows = [pb.BatchRow(entity={"user_id": pb.Value(integer=user)}) for user in users]
    return pb.ScoreBatchRequest(model=MODEL_NAME, rows=rows).SerializeToString()


def supplied_rows(vectors: npt.NDArray[np.float64]) -> bytes:
    """A batch that brings its vectors."""
    rows = [pb.BatchRow(vector=pb.Vector(values=vector)) for vector in vectors.tolist()]
    return pb.ScoreBatchRequest(model=MODEL_NAME, rows=rows).SerializeToString()


def features_of(user: int) -> bytes:
    """A request for one entity's features."""
    return pb.GetFeaturesRequest(entity={"user_id": pb.Value(integer=user)}, service=MODEL_NAME).SerializeToString()
