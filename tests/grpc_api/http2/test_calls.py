"""Calls by grpcio, as most callers make them."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest

from grpc_api.call import Call
from grpc_api.http2.light_task import LightTask
from grpc_api.http2.stream import Stream
from grpc_api.status import UNKNOWN
from tests.grpc_api.http2.serving import SERVICE, RawPeer, Serving, message
from tests.waiting import wait_until

GZIP = grpc.Compression.Gzip
MIB = 2**20


@pytest.fixture(scope="module")
def channel(serving: Serving) -> Iterator[grpc.Channel]:
    """A connection that takes long messages."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(serving.address, options=options) as channel:
        yield channel


def unary(channel: grpc.Channel, name: str) -> grpc.UnaryUnaryMultiCallable:  # type: ignore[type-arg]  # of bytes
    return channel.unary_unary(SERVICE + name)


def refusal(call: object) -> tuple[grpc.StatusCode, str]:
    """Code and text that a call ended with."""
    with pytest.raises(grpc.RpcError) as ended:
        call()  # type: ignore[operator]
    return ended.value.code(), ended.value.details()


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 65_535, 3 * MIB])
@pytest.mark.parametrize("compression", [None, GZIP])
def test_a_message_comes_back(channel: grpc.Channel, size: int, compression: grpc.Compression | None) -> None:
    """Of any length: of one frame, of two, of many windows; plain or compressed, both ways."""
    data = (b"millstream" * (size // 10 + 1))[:size]

    assert unary(channel, "Echo")(data, timeout=20, compression=compression) == data


def test_many_calls_at_once_are_kept_apart(channel: grpc.Channel) -> None:
    """Over one connection."""
    echo = unary(channel, "Echo")
    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(lambda i: echo(b"%d" % i, timeout=20), range(500)))

    assert answers == [b"%d" % i for i in range(500)]


async def test_the_asynchronous_client_is_answered(serving: Serving) -> None:
    """Sixteen calls in flight, and a stream each way."""
    async with grpc.aio.insecure_channel(serving.address) as channel:
        echo = channel.unary_unary(f"{SERVICE}Echo")
        assert await asyncio.gather(*(echo(b"%d" % i, timeout=20) for i in range(64))) == [b"%d" % i for i in range(64)]
        both = channel.stream_stream(f"{SERVICE}EchoAll")(timeout=20)
        for data in (b"one", b"two"):
            await both.write(data)
            assert await both.read() == data
        await both.done_writing()
        assert await both.read() is grpc.aio.EOF


def test_a_handler_hears_what_came_with_the_call(serving: Serving, channel: grpc.Channel) -> None:
    """Metadata by lower-case name, the deadline, the peer; not what is the transport's own."""
    unary(channel, "Echo")(b"x", timeout=20, metadata=(("x-key", "a"), ("x-key", "b"), ("x-raw-bin", b"\x01\x02")))
    call = serving.things.calls[-1]

    assert call.metadata["x-key"] == "a,b"
    assert call.metadata["x-raw-bin"] in {"AQI", "AQI="}
    assert call.metadata["user-agent"].startswith("grpc-python")
    assert not {"te", "content-type", "grpc-timeout", "grpc-accept-encoding"} & set(call.metadata)
    assert call.deadline_s is not None
    assert 10 < call.deadline_s - time.monotonic() < 25  # grpcio sends a little more than it was given
    assert call.peer.startswith("ipv4:127.0.0.1:")
    assert (call.cancelled, call.certificate) == (False, None)


def test_errors_reach_the_caller(channel: grpc.Channel) -> None:
    """With their text, which may be any; a defect is ours to know."""
    told = refusal(lambda: unary(channel, "Fail")("süß 100 %\n".encode(), timeout=20))

    assert told == (grpc.StatusCode.INVALID_ARGUMENT, "field: süß 100 %\n; send another")
    assert refusal(lambda: unary(channel, "Fail")(b"", timeout=20)) == (grpc.StatusCode.INTERNAL, UNKNOWN.message)
    assert refusal(lambda: unary(channel, "Nothing")(b"", timeout=20))[0] is grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_is_kept_by_the_server(serving: Serving, channel: grpc.Channel) -> None:
    """The handler is cancelled, and its neighbours are not; also where the caller itself does not look at the clock."""
    neighbour = unary(channel, "Wait").future(b"0.5", timeout=20)
    before, counted = serving.things.cancelled, serving.answered("Wait", "DEADLINE_EXCEEDED")

    with RawPeer(serving.port) as peer:  # grpcio resets the stream when its own clock says so, perhaps before ours
        peer.send(peer.headers(1, ("grpc-timeout", "100m"), path="Wait"), message(1, b"60"))
        assert peer.answer(1)[0]["grpc-status"] == str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    assert serving.things.cancelled == before + 1
    wait_until(lambda: serving.answered("Wait", "DEADLINE_EXCEEDED") == counted + 1)
    assert refusal(lambda: unary(channel, "Wait")(b"60", timeout=0.1))[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: serving.things.cancelled == before + 2)
    assert neighbour.result(20) == b"0.5"


def test_a_cancelled_call_stops_its_handler(serving: Serving, channel: grpc.Channel) -> None:
    """And nothing else."""
    before, counted = serving.things.cancelled, serving.answered("Wait", "CANCELLED")
    futures = [unary(channel, "Wait").future(b"60", timeout=100) for _ in range(5)]
    wait_until(lambda: serving.things.running == 5)
    for future in futures:
        future.cancel()

    wait_until(lambda: serving.things.running == 0)
    assert serving.things.cancelled == before + 5
    wait_until(lambda: serving.answered("Wait", "CANCELLED") >= counted + 5)
    assert unary(channel, "Echo")(b"x", timeout=20) == b"x"


def test_a_message_that_is_too_long_is_refused(serving: Serving, channel: grpc.Channel) -> None:
    """Before it is here, and where it is long only when inflated; an answer that is too long is not sent."""
    with Serving(message_bytes=100_000) as small, grpc.insecure_channel(small.address) as other:
        for data, compression in ((bytes(100_001), None), (bytes(10 * MIB), GZIP)):
            told = refusal(lambda: unary(other, "Echo")(data, timeout=20, compression=compression))  # noqa: B023
            assert told[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "100000" in told[1]
        assert refusal(lambda: unary(other, "Large")(b"100001", timeout=20))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert unary(other, "Echo")(bytes(100_000), timeout=20) == bytes(100_000)
        wait_until(lambda: small.server.free_bytes == small.limits.buffered_bytes)


def test_messages_that_find_no_room_are_refused() -> None:
    """All connections share it, and it comes back."""
    with Serving(buffered_bytes=MIB) as small, grpc.insecure_channel(small.address) as other:
        assert (
            refusal(lambda: unary(other, "Echo")(bytes(2 * MIB), timeout=20))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        )
        assert unary(other, "Echo")(bytes(MIB // 2), timeout=20) == bytes(MIB // 2)
        wait_until(lambda: small.server.free_bytes == MIB)


def test_a_handler_may_answer_with_many_messages(channel: grpc.Channel) -> None:
    """In order, short and long ones."""
    for n, size in ((0, 0), (3_000, 1), (20, MIB // 4)):
        answers = list(channel.unary_stream(f"{SERVICE}Count")(b"%d %d" % (n, size), timeout=30))
        assert [int.from_bytes(answer[:4], "big") for answer in answers] == list(range(n))
        assert all(len(answer) == size + 4 for answer in answers)


def test_messages_go_both_ways(channel: grpc.Channel) -> None:
    """Each answered before the next is sent, or all at once, compressed or not; an error ends it."""
    both = channel.stream_stream(f"{SERVICE}EchoAll")
    sent = [bytes([i]) * (i * 3_000) for i in range(60)]

    assert list(both(iter(sent), timeout=30)) == sent
    assert list(both(iter(sent), timeout=30, compression=GZIP)) == sent
    assert list(both(iter([]), timeout=30)) == []
    failing = both(iter([b"one", b"fail", b"two"]), timeout=30)
    assert next(failing) == b"one"
    assert refusal(lambda: next(failing))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_a_caller_that_does_not_read_stops_the_handler(serving: Serving, channel: grpc.Channel) -> None:
    """Which yields no more than fits on the way, goes on when read, and is closed when the caller goes."""
    before = serving.things.yielded
    answers = channel.unary_stream(f"{SERVICE}Count")(b"100000 65536", timeout=60)
    next(answers)
    seen = 0

    def stands_still() -> bool:
        nonlocal seen
        was, seen = seen, serving.things.yielded
        time.sleep(0.05)
        return serving.things.yielded == was == seen

    wait_until(stands_still, 30)
    assert serving.things.yielded - before < 2_000
    for _ in range(50):
        next(answers)
    cancelled = serving.things.cancelled
    answers.cancel()
    wait_until(lambda: serving.things.cancelled > cancelled)


def test_a_handler_that_does_not_take_stops_the_caller(serving: Serving, channel: grpc.Channel) -> None:
    """What waits is no more than a window and a message."""
    sent = 0

    def messages() -> Iterator[bytes]:
        nonlocal sent
        yield b"stop taking"
        for _ in range(2_000):
            sent += 1
            yield bytes(65_536)

    call = channel.stream_stream(f"{SERVICE}EchoAll")(messages(), timeout=60)
    was = -1

    def stands_still() -> bool:
        nonlocal was
        before, was = was, sent
        time.sleep(0.05)
        return sent == before > 0

    wait_until(stands_still, 30)
    assert sent < 400
    call.cancel()


@pytest.mark.parametrize(
    ("path", "data"), [("Echo", b"x"), ("Wait", b"0.001"), ("Fail", b"x"), ("Count", b"3 3"), ("EchoAll", b"x")]
)
def test_calls_leave_nothing_to_the_garbage_collector(serving: Serving, path: str, data: bytes) -> None:
    """Which a scorer lets run rarely."""

    def left() -> list[object]:
        """What calls are made of."""
        return [each for each in gc.get_objects() if isinstance(each, Stream | LightTask | Call)]

    gc.collect()
    others = left()  # of other tests in this process, kept so that their places are not taken
    known = set(map(id, others))
    gc.disable()
    try:
        with RawPeer(serving.port) as peer:
            for stream in range(1, 41, 2):
                peer.send(peer.call(stream, data, path=path))
                peer.answer(stream)
            assert peer.pings()
        serving.things.calls.clear()
        wait_until(lambda: known.issuperset(map(id, left())))
    finally:
        gc.enable()


def test_a_stopping_server_answers_what_is_in_flight() -> None:
    """Then tells its peers to go, and ends what does not end."""
    with Serving() as server, grpc.insecure_channel(server.address) as channel:
        short, long = (unary(channel, "Wait").future(data, timeout=60) for data in (b"0.3", b"50"))
        wait_until(lambda: server.things.running == 2)
        stopping = threading.Thread(target=server.stop, args=(2.0,))
        stopping.start()
        assert short.result(20) == b"0.3"
        with pytest.raises(grpc.RpcError) as ended:
            long.result(20)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        stopping.join()
        assert server.server.n_connections == 0
        with pytest.raises(grpc.RpcError):
            unary(channel, "Echo")(b"x", timeout=2)


def test_a_connection_of_some_age_is_taken_leave_of_without_an_error() -> None:
    """Its client makes another, and no call fails."""
    with Serving(age_s=0.5, look_s=0.1) as server, grpc.insecure_channel(server.address) as channel:
        peers = set()

        def moved() -> bool:
            assert unary(channel, "Echo")(b"x", timeout=20) == b"x"
            peers.add(server.things.calls[-1].peer)
            return len(peers) > 1

        wait_until(moved, 20)
