"""A request is a call from its head on: let in before its body is read, and ended with its caller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request

from features.settings import AuthSettings, ScorerSettings
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.access.api_keys import new_key
from grpc_api.call import Call
from grpc_api.gate import gate_of
from grpc_api.http2.door import Places
from grpc_api.http2.limits import Room
from grpc_api.http2.listener import open_listener
from grpc_api.load import Load
from grpc_api.meter import Answered
from grpc_api.methods import UnaryMethod, by_path
from grpc_api.rest.asking import Asking, asks
from grpc_api.rest.bodies import Bodies
from grpc_api.rest.errors import add_error_handlers
from grpc_api.rest.server import RestServer
from grpc_api.turns import Turns
from tests.waiting import wait_until_async

PATH = "/s/Wait"
DEADLINE_S = 20.0
OK = b"HTTP/1.1 200 OK"


class Notes:
    """A meter that keeps how calls ended."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def note(self, what: Any) -> None:
        if isinstance(what, Answered):
            self.codes.append(what.code.name)


class Waiter:
    """A method that waits until it is told, behind a gateway of its own; which bodies came as far as its route."""

    def __init__(self, **settings: Any) -> None:
        self.notes = Notes()
        self.load = Load(Turns(), max_in_flight=settings.pop("max_in_flight", 100))
        self.release = asyncio.Event()
        self.begun = 0
        self.stopped = 0
        self.calls: list[Call] = []
        self.questions: list[Any] = []
        gate = gate_of(ScorerSettings.model_validate(settings), meter=self.notes, load=self.load)  # type: ignore[arg-type]
        asking = Asking(gate=gate, methods=by_path([UnaryMethod(PATH, "score", self._wait)]))
        router = APIRouter(route_class=asking.route_class)

        @router.post("/wait")
        @asks(PATH)
        async def wait(question: dict[str, int], request: Request) -> int:
            self.questions.append(question)
            answer = await asking.ask(pb.ListModelsRequest(model="a"), pb.ListModelsRequest, request)
            return len(answer.model)

        app = FastAPI()
        add_error_handlers(app)
        app.add_middleware(Bodies, most_bytes=10_000_000, room=Room(100_000_000))
        app.include_router(router)
        self.server = RestServer(app, listen=lambda: open_listener("127.0.0.1", 0), places=Places(100))

    async def _wait(self, data: bytes, call: Call) -> bytes:
        self.begun += 1
        self.calls.append(call)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return data

    async def connect(self, head: str, body: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which that was sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(
            f"POST /wait HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{head}\r\n\r\n".encode() + body
        )
        return reader, writer

    async def ask(self, head: str, body: bytes = b"") -> tuple[bytes, Any]:
        """Status line and answer."""
        reader, writer = await self.connect(head, body)
        try:
            return await response(reader)
        finally:
            writer.close()


async def response(reader: asyncio.StreamReader) -> tuple[bytes, Any]:
    async with asyncio.timeout(DEADLINE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head.partition(b"\r\n")[0], json.loads(await reader.readexactly(length))


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Waiter]:
    waiter = Waiter(**settings)
    await waiter.server.start()
    try:
        yield waiter
    finally:
        waiter.release.set()
        await waiter.server.stop(1.0)


LARGE = "content-length: 1000000\r\nexpect: 100-continue"
"""A body that does not come; whoever asks for it says so first, with ``100 Continue``."""
GOOD = "content-length: 7"
BODY = b'{"a":1}'


async def test_who_calls_is_looked_at_before_the_body(tmp_path: Path) -> None:
    """Neither is the body asked for, nor is anything made of it."""
    key, line = new_key("till", ["score"])
    (tmp_path / "keys").write_text(line)
    async with serving(
        auth=AuthSettings(api_keys=tmp_path / "keys"), rate_limit_per_s=0.001, rate_limit_burst=1
    ) as here:
        here.release.set()
        status, told = await here.ask(LARGE)
        assert status == b"HTTP/1.1 401 Unauthorized"
        assert told["error"].startswith("credentials: ")
        assert (await here.ask(f"{GOOD}\r\nx-api-key: {key}", BODY)) == (OK, 1)
        status, told = await here.ask(f"{LARGE}\r\nx-api-key: {key}")
        assert status == b"HTTP/1.1 429 Too Many Requests"
        assert told["error"].startswith("client till: calls more often than it may")
        assert here.questions == [{"a": 1}]
        assert here.notes.codes == ["UNAUTHENTICATED", "OK", "RESOURCE_EXHAUSTED"]


async def test_a_busy_server_asks_for_no_body() -> None:
    """More than fit are refused by their heads; callers that are let in, but whose bodies are slow, take no place."""
    async with serving(max_in_flight=1) as here:
        reader, slow = await here.connect(LARGE)
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        waiting = asyncio.create_task(here.ask(GOOD, BODY))
        await wait_until_async(lambda: here.begun == 1)
        status, told = await here.ask(LARGE)
        assert status == b"HTTP/1.1 429 Too Many Requests"
        assert told["error"].startswith("server: has 1 calls in hand")
        here.release.set()
        assert await waiting == (OK, 1)
        assert here.load.n_in_flight == 0
        slow.close()
        await wait_until_async(lambda: here.notes.codes == ["RESOURCE_EXHAUSTED", "OK", "CANCELLED"])


async def test_a_caller_that_hangs_up_ends_its_call_alone() -> None:
    """Its work is stopped and counted; the neighbour's goes on."""
    async with serving() as here:
        neighbour = asyncio.create_task(here.ask(GOOD, BODY))
        await wait_until_async(lambda: here.begun == 1)
        _, writer = await here.connect(GOOD, BODY)
        await wait_until_async(lambda: here.begun == 2)
        writer.transport.abort()
        await wait_until_async(lambda: here.stopped == 1)
        assert [call.cancelled for call in here.calls] == [False, True]
        assert here.load.n_in_flight == 1
        here.release.set()
        assert await neighbour == (OK, 1)
        assert here.notes.codes == ["CANCELLED", "OK"]


async def test_a_caller_says_for_how_long_it_waits() -> None:
    """As over gRPC, and its work knows; a body that is not there by then is not waited for either."""
    async with serving() as here:
        late = (b"HTTP/1.1 504 Gateway Timeout", {"error": "deadline: passed before the answer was ready"})
        assert await here.ask(f"{GOOD}\r\ngrpc-timeout: 1S", BODY) == late
        assert (here.begun, here.stopped) == (1, 1)
        assert await here.ask(f"{GOOD}\r\ngrpc-timeout: 50m", b"{") == late
        assert await here.ask(f"{GOOD}\r\ngrpc-timeout: 0S", BODY) == late
        assert here.begun == 1
        assert here.notes.codes == ["DEADLINE_EXCEEDED"] * 3
        status, told = await here.ask(f"{GOOD}\r\ngrpc-timeout: soon", BODY)
        assert status == b"HTTP/1.1 400 Bad Request"
        assert told["error"].startswith("header grpc-timeout: is 'soon'; ")


@pytest.mark.parametrize("body", [b"{", b'{"a":"b"}', b"[" * 100_000, b'{"a": \xff}', b""])
async def test_a_body_that_is_no_question_is_a_call_that_failed(body: bytes) -> None:
    """Told and counted as the caller's fault, however it is wrong."""
    async with serving() as here:
        status, told = await here.ask(f"content-length: {len(body)}", body)
        assert status == b"HTTP/1.1 400 Bad Request"
        assert list(told) == ["error"]
        assert here.notes.codes == ["INVALID_ARGUMENT"]
        assert not here.questions
