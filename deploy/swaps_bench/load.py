"""Calls at a steady rate, one by one and in batches, each answer held against what it must be."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from random import Random
from typing import Any, Final

import grpc

from deploy.bench_score_process import METHOD
from deploy.swaps_bench.site import SALT, Site, routing_of
from features.routing import CHALLENGER, Arm, point
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import set_timestamp

BATCH_METHOD: Final = METHOD + "Batch"
CALLS_PER_S: Final = 300
CALLS_PER_BATCH: Final = 30
"""A batch goes out beside each so many single calls."""

BATCH_ROWS: Final = 40
DEADLINE_S: Final = 10.0


class Load:
    """Asks a scorer without end.

    Attributes
    ----------
    calls, failed, mixed
        Calls answered; those that failed; answers that no one version, or no one routing, can have given.
    latencies_s
        Of the single calls since it was last emptied.
    serving
        The version that answered last, by arm.

    """

    def __init__(self, site: Site, channel: grpc.aio.Channel, *, n_users: int) -> None:
        self.calls = self.failed = self.mixed = 0
        self.latencies_s: list[float] = []
        self.serving: dict[str, str] = {}
        self._site = site
        self._score, self._score_batch = (
            channel.unary_unary(method, request_serializer=None, response_deserializer=None)
            for method in (METHOD, BATCH_METHOD)
        )
        self._random = Random(5)  # noqa: S311 - which user is asked about guards nothing
        self._n_users = n_users
        routing = routing_of(1.0)
        self.points = [
            point(routing.key({"user_id": user}, ""), salt=SALT, purpose=CHALLENGER) for user in range(n_users)
        ]

    async def run(self) -> None:
        """Send calls at their instants, whether those before have been answered or not, until cancelled."""
        begin_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in count():
                wait_s = begin_s + number / CALLS_PER_S - time.perf_counter()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                group.create_task(self.ask(self._random.randrange(self._n_users)))
                if not number % CALLS_PER_BATCH:
                    group.create_task(self._ask_batch(self._random.sample(range(self._n_users), BATCH_ROWS)))

    async def ask(self, user: int) -> Arm | None:
        """One score, checked; the arm that gave it, None where there was none."""
        request = pb.ScoreRequest(entity={"user_id": pb.Value(integer=user)})
        set_timestamp(request.as_of, self._site.as_of_us)
        begin_s = time.perf_counter()
        answer = pb.ScoreResponse()
        if not await self._call(self._score, request, answer):
            return None
        self.latencies_s.append(time.perf_counter() - begin_s)
        self._check(user, answer, answer)
        self.serving[answer.arm] = answer.version
        return answer.arm  # type: ignore[return-value]  # what the scorer calls its arms

    async def _ask_batch(self, users: list[int]) -> None:
        """Many scores by one call: each arm is one version in all of them, and one share explains who has which."""
        rows = [pb.BatchRow(entity={"user_id": pb.Value(integer=user)}) for user in users]
        request, answer = pb.ScoreBatchRequest(rows=rows), pb.ScoreBatchResponse()
        set_timestamp(request.as_of, self._site.as_of_us)
        if not await self._call(self._score_batch, request, answer):
            return
        versions: dict[str, set[str]] = {}
        points: dict[str, list[float]] = {}
        for user, row in zip(users, answer.rows, strict=True):
            if not row.HasField("answer"):
                self.failed += 1
                continue
            who = row.answer if row.answer.version else answer
            self._check(user, row.answer, who)
            versions.setdefault(who.arm, set()).add(who.version)
            points.setdefault(who.arm, []).append(self.points[user])
        below, above = points.pop(CHALLENGER, [0.0]), [p for theirs in points.values() for p in theirs] or [1.0]
        self.mixed += any(len(found) > 1 for found in versions.values()) or max(below) >= min(above)

    async def _call(self, method: Any, request: Any, answer: Any) -> bool:
        self.calls += 1
        try:
            answer.ParseFromString(await method(request.SerializeToString(), timeout=DEADLINE_S))
        except grpc.RpcError:
            self.failed += 1
            return False
        return True

    def _check(self, user: int, answer: pb.ScoreResponse, who: pb.ScoreResponse | pb.ScoreBatchResponse) -> None:
        """The raw score is, bit for bit, what the version that is named gives this user."""
        self.mixed += answer.raw_score != self._site.raw_scores[who.version][user]
