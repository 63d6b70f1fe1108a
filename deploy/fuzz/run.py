"""A fuzz run: calls go out over several connections, and no answer may show that the server stumbled."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
import msgspec
from grpc_health.v1 import health_pb2

from deploy.fuzz.case import Case, Cases
from deploy.fuzz.surface import targets_of

CONNECTIONS: Final = 4
IN_FLIGHT: Final = 64
PATIENCE_S: Final = 30.0
STUMBLED: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})
LEAKS: Final = re.compile(r"Traceback|File \"|\.py\b|0x[0-9a-f]{6,}|site-packages|<class|Error\(")
"""What a caller has no business to read: where our code is, and how it works."""
CUT_OFF: Final = "Internal error from Core"
"""What grpcio's client says where the server ended a call that was still being written; the server's log knows more."""
HEALTH: Final = "/grpc.health.v1.Health/Check"
SHOWN: Final = 20
RAW: Final[dict[str, Any]] = {"request_serializer": None, "response_deserializer": None}


class FuzzReport(msgspec.Struct, kw_only=True):
    """What a run found. ``examples`` are calls that the server stumbled over; the messages in hexadecimal digits."""

    requests: int = 0
    internal_errors: int = 0
    leaks: int = 0
    good_refused: int = 0
    healthy: bool = False
    seconds: float = 0.0
    methods: int = 0
    codes: dict[str, int] = {}
    examples: list[dict[str, str]] = []

    @property
    def passed(self) -> bool:
        """Whether the server took it all."""
        return self.healthy and not (self.internal_errors or self.leaks or self.good_refused)


async def fuzz(
    address: str,
    n: int,
    *,
    seed: int,
    seeds: Mapping[str, Sequence[bytes]],
    words: Sequence[bytes] = (),
    retried: frozenset[grpc.StatusCode] = frozenset(),
) -> FuzzReport:
    """Make ``n`` calls; the same seed makes the same ones.

    A good request may be answered with a code of ``retried`` and be right all the same, as under a rate limit.
    """
    targets = await asyncio.to_thread(targets_of, address)
    cases = Cases(targets, seeds, words, random.Random(seed))  # noqa: S311 - to be repeated, not to be secret
    report, codes, begin_s = FuzzReport(methods=len(targets)), Counter[str](), time.monotonic()
    left = iter(range(n))
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=[("fuzz", i)]))
            for i in range(CONNECTIONS)
        ]

        async def caller(channel: grpc.aio.Channel) -> None:
            for _ in left:
                case = cases.case()
                code, details = await _ask(channel, case)
                codes[code.name] += 1
                report.requests += 1
                _judge(report, case, code, details, retried)

        async with asyncio.TaskGroup() as group:
            for i in range(IN_FLIGHT):
                group.create_task(caller(channels[i % CONNECTIONS]))
    report.codes = dict(codes.most_common())
    unary = [target.path for target in targets if not target.takes_many and not target.gives_many]
    report.healthy = await _is_healthy(address, [(path, seeds[path][0]) for path in unary if path in seeds])
    report.seconds = round(time.monotonic() - begin_s, 1)
    return report


def _judge(
    report: FuzzReport, case: Case, code: grpc.StatusCode, details: str, retried: frozenset[grpc.StatusCode]
) -> None:
    leaked = LEAKS.search(details) is not None
    refused = case.is_good and code is not grpc.StatusCode.OK and code not in retried
    stumbled = code in STUMBLED and details != CUT_OFF
    report.internal_errors += stumbled
    report.leaks += leaked
    report.good_refused += refused
    if (stumbled or leaked or refused) and len(report.examples) < SHOWN:
        messages = " ".join(message[:500].hex() for message in case.messages)
        report.examples.append({"path": case.target.path, "code": code.name, "details": details, "messages": messages})


async def _ask(channel: grpc.aio.Channel, case: Case) -> tuple[grpc.StatusCode, str]:
    """The status that one call ends with; one that gives many answers is left once it gave one for each message."""
    target = case.target
    options: dict[str, Any] = {"metadata": case.metadata, "timeout": case.timeout_s}
    call: Any
    try:
        if target.takes_many:
            call = channel.stream_stream(target.path, **RAW)(**options)
            await _write(call, case.messages)
        elif target.gives_many:
            call = channel.unary_stream(target.path, **RAW)(case.messages[0], **options)
        else:
            await channel.unary_unary(target.path, **RAW)(case.messages[0], **options)
            return grpc.StatusCode.OK, ""
        for _ in case.messages:
            if not isinstance(await call.read(), bytes):  # the end
                return await call.code(), await call.details()
        call.cancel()
        return grpc.StatusCode.OK, ""
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    except asyncio.CancelledError:
        if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # this is one
            raise
        return grpc.StatusCode.CANCELLED, ""


async def _write(call: Any, messages: Sequence[bytes]) -> None:
    """Send them all; where the server has ended the call meanwhile, that is for the reader to find."""
    try:
        for message in messages:
            await call.write(message)
        await call.done_writing()
    except Exception:  # among them classes that grpcio keeps to itself
        return


async def _is_healthy(address: str, good: Sequence[tuple[str, bytes]]) -> bool:
    """Whether the server says that it serves, and does."""
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            asked = health_pb2.HealthCheckRequest().SerializeToString()
            answer = await channel.unary_unary(HEALTH, **RAW)(asked, timeout=PATIENCE_S)
            for path, request in good:
                await channel.unary_unary(path, **RAW)(request, timeout=PATIENCE_S)
        except grpc.aio.AioRpcError:
            return False
    status = health_pb2.HealthCheckResponse.FromString(answer).status
    return bool(status == health_pb2.HealthCheckResponse.SERVING)
