"""Load by the clock: calls go out when they are due, whatever has become of those before them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

METHOD: Final = "/millstream.scoring.v1.Scoring/Score"
CONNECTIONS: Final = 8


class Answered(NamedTuple):
    """One call: when it was due, how long after that its answer came, and which; and how late it went out."""

    due_s: float
    took_s: float
    code: grpc.StatusCode
    late_s: float = 0.0


class Caller:
    """Connections to a scorer, over which calls with a deadline are made."""

    def __init__(self, address: str, request: Callable[[int], bytes], deadline_s: float) -> None:
        self._channels = [
            grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
            for _ in range(CONNECTIONS)
        ]
        self._methods: list[Any] = [
            channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
            for channel in self._channels
        ]
        self._request = request
        self._deadline_s = deadline_s
        self._n = 0

    async def ask(self, due_s: float) -> Answered:
        """Make one call, which was due then."""
        self._n += 1
        method = self._methods[self._n % CONNECTIONS]
        code, late_s = grpc.StatusCode.OK, time.perf_counter() - due_s
        try:
            await method(self._request(self._n), timeout=self._deadline_s)
        except grpc.aio.AioRpcError as error:
            code = error.code()
        return Answered(due_s, time.perf_counter() - due_s, code, late_s)

    async def close(self) -> None:
        """End the connections."""
        for channel in self._channels:
            await channel.close(None)

    async def in_turn(self, n_callers: int, seconds: float) -> Sequence[Answered]:
        """Calls of so many callers, each of whom waits for its answer before it asks again."""
        end_s, answers = time.perf_counter() + seconds, list[Answered]()

        async def caller() -> None:
            while time.perf_counter() < end_s:
                answers.append(await self.ask(time.perf_counter()))

        async with asyncio.TaskGroup() as group:
            for _ in range(n_callers):
                group.create_task(caller())
        return answers

    async def by_the_clock(self, per_s: float, seconds: float) -> Sequence[Answered]:
        """So many calls a second, evenly; the answers in the order that the calls were due in."""
        begin_s, answers = time.perf_counter(), list[Answered]()

        async def caller(due_s: float) -> None:
            answers.append(await self.ask(due_s))

        async with asyncio.TaskGroup() as group:  # which forgets whom it need not wait for, unlike a list of tasks
            for n in range(round(per_s * seconds)):
                due_s = begin_s + n / per_s
                wait_s = due_s - time.perf_counter()
                if wait_s > 0 or not n % 16:  # what is due goes out at once, but answers are read meanwhile
                    await asyncio.sleep(max(0.0, wait_s))
                group.create_task(caller(due_s))
        return sorted(answers, key=lambda one: one.due_s)
