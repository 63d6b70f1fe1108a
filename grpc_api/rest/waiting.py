"""How long the caller of one call waits: until its deadline, or until it hangs up. The work ends with that."""

from __future__ import annotations

import asyncio
import math
import time
from types import TracebackType
from typing import Final, Self

from starlette.types import Receive

from features.errors import RequestError
from grpc_api.call import Call
from grpc_api.http2.request_head import to_timeout_s

TIMEOUT: Final = "grpc-timeout"
"""The header by which gRPC, and gateways to it, tell how long a caller waits."""
LIMIT_S: Final = 60.0
"""For how long a body may come, and a call go on whose caller does not say how long it waits."""
LONGEST_S: Final = 24 * 3_600.0
"""Of a timer; longer is for ever."""
TICK_S: Final = 0.002
"""What the loop's clock may be behind."""


def deadline_of(timeout: str | None, now_s: float) -> float | None:
    """The instant that a header tells, None where there is none; RequestError where it tells nothing."""
    if timeout is None:
        return None
    timeout_s = to_timeout_s(timeout.encode("latin-1"))
    if timeout_s is None:
        raise RequestError(
            f"header {TIMEOUT}", f"is {timeout!r:.40}", "send up to eight digits and one of H, M, S, m, u, n"
        )
    return now_s + timeout_s


class Waiting:
    """Around the work on a call: TimeoutError, and the work cancelled, once nobody waits any more.

    ``call.cancelled`` tells then whether the caller hung up; otherwise its time is over. ``limit_s`` is for the body,
    and for a call without a deadline.
    """

    def __init__(self, call: Call, limit_s: float = LIMIT_S) -> None:
        self._call = call
        self._limit_s = limit_s
        self._work = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """The body comes from now on."""
        await self._work.__aenter__()
        self._expire_in(min(self._left_s(), self._limit_s))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The work is done, or was cancelled."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()
        await self._work.__aexit__(kind, error, trace)

    def listen(self, receive: Receive) -> None:
        """The body is here: all that can come of the caller now is that it hangs up."""
        self._listener = asyncio.create_task(self._listen(receive), name="caller")
        if self._call.deadline_s is not None:
            self._expire_in(self._left_s())

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._call.cancelled = True
        self._end()

    def _left_s(self) -> float:
        remaining_s = self._call.remaining_s()
        return math.inf if remaining_s is None else max(remaining_s, 0.0)

    def _expire_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(seconds, LONGEST_S) + TICK_S, self._expire)

    def _expire(self) -> None:
        now_s = time.monotonic()
        if self._call.deadline_s is None or self._call.deadline_s > now_s:  # the limit is the server's own
            self._call.deadline_s = now_s
        self._end()

    def _end(self) -> None:
        if not self._work.expired():
            self._work.reschedule(asyncio.get_running_loop().time())
