"""The table of methods, and the gate in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from features.errors import RequestError
from grpc_api.call import Call
from grpc_api.gate import CallFailedError, Gate
from grpc_api.meter import Meter
from grpc_api.methods import BidirectionalMethod, UnaryMethod, by_path
from grpc_api.metrics import ScorerMetrics
from grpc_api.status import UNKNOWN, Code, Status


async def echo(data: bytes, _call: Call) -> bytes:
    return data


def test_a_path_has_one_method() -> None:
    """A second one is a mistake of whoever puts the table together."""
    one, two = UnaryMethod("/s/A", "score", echo), UnaryMethod("/s/B", "open", echo)
    assert by_path([one, two]) == {"/s/A": one, "/s/B": two}
    with pytest.raises(ValueError, match="/s/A"):
        by_path([one, UnaryMethod("/s/A", "open", echo)])


async def test_out_of_the_gate_come_answers_and_failed_calls() -> None:
    """Of a stream too, which gives what it gave before it failed; each is counted once, health never."""
    metrics = ScorerMetrics()
    meter = Meter(metrics)
    gate = Gate(meter)

    async def broken(_data: bytes, _call: Call) -> bytes:
        raise ZeroDivisionError

    async def twice(messages: AsyncIterator[bytes], _call: Call) -> AsyncIterator[bytes]:
        async for message in messages:
            if not message:
                raise RequestError("message", "is empty", "fill it")
            yield message * 2

    async def messages(*given: bytes) -> AsyncIterator[bytes]:
        for message in given:
            yield message

    assert await gate.unary(UnaryMethod("/s/Echo", "score", echo), b"x", Call()) == b"x"
    assert await gate.unary(UnaryMethod("/s/Check", "open", echo), b"x", Call()) == b"x"
    with pytest.raises(CallFailedError) as failed:
        await gate.unary(UnaryMethod("/s/Broken", "score", broken), b"x", Call())
    assert failed.value.status == UNKNOWN
    method = BidirectionalMethod("/s/Twice", "score", twice)
    answers = gate.bidirectional(method, messages(b"a", b"b", b""), Call())
    told = [await anext(answers), await anext(answers)]
    with pytest.raises(CallFailedError) as failed:
        await anext(answers)
    assert told == [b"aa", b"bb"]
    assert failed.value.status == Status(Code.INVALID_ARGUMENT, "message: is empty; fill it")
    meter.start()
    meter.stop()

    def counted(method: str, code: str) -> float | None:
        return metrics.registry.get_sample_value("millstream_scorer_requests_total", {"method": method, "code": code})

    assert [counted("Echo", "OK"), counted("Broken", "INTERNAL"), counted("Twice", "INVALID_ARGUMENT")] == [1, 1, 1]
    assert counted("Check", "OK") is None
