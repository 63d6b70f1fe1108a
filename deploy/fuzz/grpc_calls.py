"""Fuzzing over gRPC: every method that the server tells of by reflection."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from deploy.fuzz.grpc_case import Case, Cases
from deploy.fuzz.grpc_surface import targets_of
from deploy.fuzz.report import FuzzReport

CONNECTIONS: Final = 4
IN_FLIGHT: Final = 64
PATIENCE_S: Final = 30.0
STUMBLED: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})
CUT_OFF: Final = "Internal error from Core"
"""What grpcio's client says where the server ended a call that was still being written; the server's log knows more."""
HEALTH: Final = "/grpc.health.v1.Health/Check"
RAW: Final[dict[str, Any]] = {"request_serializer": None, "response_deserializer": None}


class GrpcFuzz:
    """Calls to one server. ``retried``: codes that a good one may be answered with, as under a rate limit."""

    def __init__(
        self,
        address: str,
        *,
        seeds: Mapping[str, Sequence[bytes]],
        words: Sequence[bytes],
        retried: frozenset[grpc.StatusCode],
    ) -> None:
        self._address = address
        self._seeds = seeds
        self._words = words
        self._retried = retried

    async def run(self, n: int, generator: random.Random, report: FuzzReport) -> None:
        """Make ``n`` calls."""
        targets = await asyncio.to_thread(targets_of, self._address)
        report.methods = len(targets)
        cases = Cases(targets, self._seeds, self._words, generator)
        left = iter(range(n))
        async with contextlib.AsyncExitStack() as stack:
            channels = [
                await stack.enter_async_context(grpc.aio.insecure_channel(self._address, options=[("fuzz", i)]))
                for i in range(CONNECTIONS)
            ]

            async def caller(channel: grpc.aio.Channel) -> None:
                for _ in left:
                    case = cases.case()
                    code, details = await _ask(channel, case)
                    report.judge(
                        code=code.name,
                        told=details,
                        stumbled=code in STUMBLED and details != CUT_OFF,
                        refused=case.is_good and code is not grpc.StatusCode.OK and code not in self._retried,
                        path=case.target.path,
                        sent=b"".join(case.messages),
                    )

            async with asyncio.TaskGroup() as group:
                for i in range(IN_FLIGHT):
                    group.create_task(caller(channels[i % CONNECTIONS]))

    async def is_healthy(self) -> bool:
        """Whether the server says that it serves, and does."""
        targets = await asyncio.to_thread(targets_of, self._address)
        unary = [target.path for target in targets if not target.takes_many and not target.gives_many]
        async with grpc.aio.insecure_channel(self._address) as channel:
            try:
                asked = health_pb2.HealthCheckRequest().SerializeToString()
                answer = await channel.unary_unary(HEALTH, **RAW)(asked, timeout=PATIENCE_S)
                for path in unary:
                    for request in self._seeds.get(path, ())[:1]:
                        await channel.unary_unary(path, **RAW)(request, timeout=PATIENCE_S)
            except grpc.aio.AioRpcError:
                return False
        status = health_pb2.HealthCheckResponse.FromString(answer).status
        return bool(status == health_pb2.HealthCheckResponse.SERVING)


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
