"""Both clients, against a server that falters as told."""

from __future__ import annotations

import asyncio
import math
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.client_messages import score_request
from millstream import (
    AsyncClient,
    BatchRow,
    CallRefusedError,
    Client,
    DeadlineExceededError,
    NotAllowedError,
    Retries,
    ScoreResult,
    ServerBrokenError,
    ServerOverloadedError,
    ServerUnavailableError,
    Tls,
)
from tests.grpc_api.faltering import Faltering, serve
from tests.redis_servers import Authority

Code = grpc.StatusCode
QUICK = Retries(pause_s=0.001)


def ask_in_threads(address: str, n: int = 1, **options: Any) -> list[ScoreResult]:
    with Client(address, **options) as client:
        return [client.score({"buyer": "ann"}) for _ in range(n)]


def ask_on_a_loop(address: str, n: int = 1, **options: Any) -> list[ScoreResult]:
    async def ask() -> list[ScoreResult]:
        async with AsyncClient(address, **options) as client:
            return [await client.score({"buyer": "ann"}) for _ in range(n)]

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [ask_in_threads, ask_on_a_loop], ids=["sync", "async"])


@both
def test_an_unavailable_server_is_asked_again(ask: Any) -> None:
    """Under one request id, so that a record written twice is told from two scores."""
    server = Faltering([Code.UNAVAILABLE, Code.UNAVAILABLE])
    with serve(server) as address:
        (result,) = ask(address, retries=QUICK)

    assert len(server.requests) == 3
    assert {request.request_id for request in server.requests} == {result.request_id}
    assert result.request_id


@both
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (Code.INVALID_ARGUMENT, CallRefusedError),
        (Code.NOT_FOUND, CallRefusedError),
        (Code.UNAUTHENTICATED, NotAllowedError),
        (Code.PERMISSION_DENIED, NotAllowedError),
        (Code.RESOURCE_EXHAUSTED, ServerOverloadedError),
        (Code.INTERNAL, ServerBrokenError),
        (Code.DATA_LOSS, ServerBrokenError),
        (Code.FAILED_PRECONDITION, ServerBrokenError),
    ],
)
def test_other_failures_are_told_at_once(ask: Any, code: Code, error: type[Exception]) -> None:
    """Each by its kind, with the server's words and the code."""
    server = Faltering([code])
    with serve(server) as address, pytest.raises(error, match=rf"as told \({code.name}\)"):
        ask(address, retries=QUICK)

    assert len(server.requests) == 1


@both
def test_a_server_that_stays_away_is_given_up(ask: Any) -> None:
    """After so many attempts, or where nobody listens."""
    server = Faltering([Code.UNAVAILABLE] * 9)
    with serve(server) as address, pytest.raises(ServerUnavailableError, match="UNAVAILABLE"):
        ask(address, retries=QUICK)
    assert len(server.requests) == 3
    with pytest.raises(ServerUnavailableError, match="UNAVAILABLE"):
        ask(address, retries=Retries(attempts=1))


@both
def test_attempts_share_the_deadline(ask: Any) -> None:
    """A retry has what is left of it, not as much again."""

    class Slow(Faltering):
        def __call__(self, request: Any, context: Any) -> Any:
            self.remaining_s.append(context.time_remaining())
            if len(self.remaining_s) == 1:
                threading.Event().wait(1.0)
            return super().__call__(request, context)

    server = Slow([Code.UNAVAILABLE])
    with serve(server) as address:
        ask(address, retries=QUICK, deadline_s=5.0)

    first_s, _, second_s, _ = server.remaining_s
    assert second_s < first_s - 0.5


@both
def test_a_deadline_that_passes_is_told(ask: Any) -> None:
    """By its own kind."""

    class Slow(Faltering):
        def __call__(self, request: Any, context: Any) -> Any:
            gone = threading.Event()
            context.add_callback(gone.set)
            gone.wait(20)

    with serve(Slow()) as address, pytest.raises(DeadlineExceededError):
        ask(address, deadline_s=0.1)


async def test_a_call_of_a_client_that_is_closed_fails_and_is_not_cancelled() -> None:
    """Its task goes on with an error; one whose task is cancelled ends as tasks do."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow(Faltering):
        def __call__(self, request: Any, context: Any) -> Any:
            gone = threading.Event()
            context.add_callback(gone.set)
            loop.call_soon_threadsafe(asked.set)
            gone.wait(20)

    with serve(Slow()) as address:
        for ends in ("closed", "cancelled"):
            asked.clear()
            client = AsyncClient(address, deadline_s=20)
            call = asyncio.create_task(client.score({"buyer": "ann"}))
            await asked.wait()
            if ends == "cancelled":
                call.cancel()
                await asyncio.wait([call])
                assert call.cancelled()
            await client.close()
            if ends == "closed":
                with pytest.raises(ServerUnavailableError, match="the client was closed"):
                    await call


@both
@pytest.mark.parametrize("deadline_s", [math.inf, 1e300])
def test_a_deadline_that_never_comes_is_none(ask: Any, deadline_s: float) -> None:
    """Grpc itself takes it for one that is over."""
    with serve(Faltering()) as address:
        assert len(ask(address, deadline_s=deadline_s)) == 1


@both
def test_calls_take_the_channels_in_turn(ask: Any) -> None:
    """Each channel is a connection of its own, which another process of the server may hold."""
    server = Faltering()
    with serve(server) as address:
        ask(address, 9, channels=3)

    assert len(server.peers) == 3


@both
def test_a_retry_goes_over_another_channel(ask: Any) -> None:
    """The process behind the first may be the one that is away."""
    server = Faltering([Code.UNAVAILABLE])
    with serve(server) as address:
        ask(address, channels=2, retries=QUICK)

    assert len(server.peers) == 2


@both
def test_what_proves_the_caller_goes_with_each_call(ask: Any) -> None:
    """A key, a token, or neither."""
    server = Faltering()
    with serve(server) as address:
        ask(address, api_key="ann.secret")
        ask(address, token="abc")
        ask(address)

    seen = [(found.get("x-api-key"), found.get("authorization")) for found in server.metadata]
    assert seen == [("ann.secret", None), (None, "Bearer abc"), (None, None)]


def test_options_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    """Before any call."""
    with pytest.raises(CallRefusedError, match="channels is 0"):
        Client(channels=0)
    with pytest.raises(CallRefusedError, match=r"ca\.pem cannot be read"):
        Client(tls=Tls(authorities=tmp_path / "ca.pem"))


@both
def test_tls_with_certificates_on_both_sides(ask: Any, tmp_path: Path) -> None:
    """The server is known by its authority and its name; it may ask for the client's own certificate."""
    authority = Authority(tmp_path)
    server_certificate, server_key = authority.issue("server")
    own = authority.issue("client")
    roots = authority.ca_file
    pair = (server_key.read_bytes(), server_certificate.read_bytes())
    server = Faltering()
    with serve(server, grpc.ssl_server_credentials([pair], roots.read_bytes(), require_client_auth=True)) as address:
        ask(address, tls=Tls(roots, *own))
        ask(address.replace("127.0.0.1", "localhost"), tls=Tls(roots, *own, server_name="127.0.0.1"))
        for strange in (Tls(roots), Tls(None, *own), Tls(roots, *own, server_name="elsewhere.example"), None):
            with pytest.raises(ServerUnavailableError):
                ask(address, tls=strange, retries=Retries(attempts=1), deadline_s=10.0)

    assert len(server.requests) == 2


@pytest.mark.parametrize("key", [7, np.int64(7), np.int32(7), np.uint8(7)])
def test_an_integer_is_one_whoever_made_it(key: Any) -> None:
    """As those that come of a frame or an array."""
    message = score_request({"shop": key}, None)
    assert message.entity["shop"] == pb.Value(integer=7)


@pytest.mark.parametrize("value", [2**63, b"ann", "\ud800", datetime(2024, 1, 1, tzinfo=UTC), [1]])
def test_what_the_protocol_has_no_value_for_is_refused_by_name(value: Any) -> None:
    """Before any call, in the family of bad input."""
    for asked in (BatchRow({"buyer": value}), BatchRow({"buyer": "ann"}, request={"buyer": value})):
        with pytest.raises(CallRefusedError, match=r"buyer is .*; send text in UTF-8, an integer of 64 bits"):
            score_request(asked, None)
