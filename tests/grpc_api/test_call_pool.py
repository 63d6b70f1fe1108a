"""The threads behind the server: which one works next, and when a call begins."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from grpc_api.call_pool import CallPool
from grpc_api.warm_pool import WarmPool
from tests.waiting import wait_until


@pytest.fixture
def pool() -> Iterator[WarmPool]:
    """Four threads."""
    pool = WarmPool(4, name="test")
    yield pool
    pool.shutdown()


def idle(pool: WarmPool) -> bool:
    """Whether every thread waits for work."""
    return len(pool._idle) == 4


def test_one_call_after_another_runs_in_one_thread(pool: WarmPool) -> None:
    """The last to become idle is the first to work again."""
    threads = set()
    for _ in range(20):
        wait_until(lambda: idle(pool))
        threads.add(pool.submit(threading.get_ident).result(5))

    assert len(threads) == 1


def test_calls_at_once_run_at_once_and_the_rest_wait(pool: WarmPool) -> None:
    """As many as there are threads; none is lost."""
    barrier = threading.Barrier(4)
    futures = [pool.submit(barrier.wait, 5) for _ in range(12)]

    assert sorted(future.result(5) for future in futures) == sorted([0, 1, 2, 3] * 3)


def test_what_a_call_raises_is_in_its_future(pool: WarmPool) -> None:
    """And its thread goes on."""
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(5)

    assert pool.submit(lambda: 7).result(5) == 7


def test_a_pool_that_was_shut_down_ends_its_work_and_takes_no_more() -> None:
    """What was submitted still runs."""
    pool = WarmPool(1, name="test")
    release = threading.Event()
    futures = [pool.submit(release.wait, 5), pool.submit(lambda: 2)]
    release.set()
    pool.shutdown()

    assert futures[1].result(0) == 2
    with pytest.raises(RuntimeError):
        pool.submit(lambda: 3)


Calls = tuple[CallPool, grpc.Channel, int]


@pytest.fixture
def calls() -> Iterator[Calls]:
    """A server of one thread that gives back what it is sent."""
    pool = CallPool(1, name="test")
    server = grpc.server(pool)  # type: ignore[arg-type]  # any executor does
    handlers = {"Back": grpc.unary_unary_rpc_method_handler(lambda data, _: data)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield pool, channel, port
    server.stop(1).wait()
    pool.shutdown()


def test_every_call_begins_with_its_message(calls: Calls) -> None:
    """Which says that grpcio's inner names are those that the pool leans on."""
    pool, channel, _ = calls
    call = channel.unary_unary("/Echo/Back", bytes, bytes)
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda i: call(b"%d" % i, timeout=5), range(200)))

    assert answers == [b"%d" % i for i in range(200)]
    assert pool.early == 200


def test_an_empty_message_is_a_message(calls: Calls) -> None:
    """It has no bytes, and is not none."""
    assert calls[1].unary_unary("/Echo/Back", bytes, bytes)(b"", timeout=5) == b""


def test_a_caller_that_sends_no_message_occupies_no_thread(calls: Calls) -> None:
    """The only thread answers the others; the silent call ends at its deadline."""
    never = threading.Event()

    def silence() -> Iterator[bytes]:
        never.wait(60)
        yield from ()

    silent = calls[1].stream_unary("/Echo/Back", bytes, bytes).future(silence(), timeout=20)
    wait_until(lambda: calls[0].early == 1)
    assert calls[1].unary_unary("/Echo/Back", bytes, bytes)(b"loud", timeout=10) == b"loud"
    never.set()

    with pytest.raises(grpc.RpcError) as ended:
        silent.result(40)
    assert ended.value.code() in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.DEADLINE_EXCEEDED}


def test_a_caller_that_hangs_up_leaves_the_server_well(calls: Calls) -> None:
    """Whether before its message or after."""
    _, channel, port = calls
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    for _ in range(20):
        channel.unary_unary("/Echo/Back", bytes, bytes).future(b"gone", timeout=5).cancel()  # type: ignore[no-untyped-call]  # grpc-stubs

    assert channel.unary_unary("/Echo/Back", bytes, bytes)(b"here", timeout=5) == b"here"
