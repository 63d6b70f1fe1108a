"""Bodies of requests: how large, how many at a time, and what becomes of those that nobody reads."""

from __future__ import annotations

from typing import Any

import pytest

from grpc_api.http2.limits import Room
from grpc_api.refusals import OverloadedError
from grpc_api.rest.bodies import SHORT_BYTES, Bodies
from grpc_api.status import MessageTooLargeError

CHUNKED = [(b"transfer-encoding", b"chunked")]
START: dict[str, Any] = {"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]}
ANSWER = {"type": "http.response.body", "body": b"no"}


def declared(n_bytes: int) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", str(n_bytes).encode())]


class Exchange:
    """One request as the server sees it: its parts, how many were read, and what was sent."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def read_all(_scope: Any, receive: Any, _send: Any) -> None:
    while (await receive())["more_body"]:
        pass


async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
    await send(START)
    await send(ANSWER)


async def run(
    app: Any, headers: list[tuple[bytes, bytes]], exchange: Exchange, room: Room | None = None, most_bytes: int = 10
) -> None:
    bodies = Bodies(app, most_bytes=most_bytes, room=room or Room(1_000))
    await bodies({"type": "http", "headers": headers}, exchange.receive, exchange.send)


async def test_a_body_that_tells_its_length_is_refused_by_it() -> None:
    """Nothing of it is read."""
    exchange = Exchange(b"12345678901")
    with pytest.raises(MessageTooLargeError, match="larger than 10 bytes; send less at a time"):
        await run(read_all, declared(11), exchange)
    assert len(exchange.parts) == 1


async def test_a_body_that_does_not_tell_its_length_is_counted() -> None:
    """Whoever reads it hears of it where it is too large, and not before."""
    exchange = Exchange(*[b"1234"] * 5)
    with pytest.raises(MessageTooLargeError):
        await run(read_all, CHUNKED, exchange)
    assert len(exchange.parts) == 2


async def test_all_together_hold_what_there_is_room_for() -> None:
    """One more is refused; what a call held is free once it is over, however it ends."""
    room = Room(20)
    await run(read_all, declared(10), Exchange(b"12345", b"67890"), room)
    assert room.left == 20
    assert room.take(15)
    with pytest.raises(OverloadedError, match="buffers as much as it may; try again in 1 s") as refused:
        await run(read_all, declared(10), Exchange(b"12345", b"67890"), room)
    assert refused.value.retry_after_s == 1.0
    assert room.left == 5


@pytest.mark.parametrize("headers", [CHUNKED, declared(SHORT_BYTES + 1)])
async def test_the_rest_of_a_long_body_is_thrown_away_after_the_answer(headers: list[tuple[bytes, bytes]]) -> None:
    """The caller, who may be sending still, can read why; the connection ends with that."""
    exchange = Exchange(b"1", b"2", b"3")
    await run(refuse, headers, exchange, most_bytes=2 * SHORT_BYTES)
    start, answer, end = exchange.sent
    assert start["headers"] == [*START["headers"], (b"connection", b"close")]
    assert (answer["body"], answer["more_body"]) == (b"no", True)
    assert (end["body"], end.get("more_body", False)) == (b"", False)
    assert not exchange.parts


async def test_no_more_is_thrown_away_than_could_have_been_read() -> None:
    """A body without an end ends."""
    exchange = Exchange(*[b"1234"] * 100)
    await run(refuse, CHUNKED, exchange)
    assert len(exchange.parts) == 97


@pytest.mark.parametrize("headers", [declared(0), declared(SHORT_BYTES), []])
async def test_a_connection_outlives_a_short_body_that_nobody_reads(headers: list[tuple[bytes, bytes]]) -> None:
    """The answer goes out as it is."""
    exchange = Exchange(b"1")
    await run(refuse, headers, exchange)
    assert exchange.sent == [START, ANSWER]
