"""Who is let in, and what the others hear: the same whatever brings the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from features.errors import RequestError
from features.settings import AuthSettings, ScorerSettings
from grpc_api.access.api_keys import new_key
from grpc_api.call import Call
from grpc_api.gate import CallFailedError, Gate, gate_of
from grpc_api.load import Load
from grpc_api.meter import Meter
from grpc_api.methods import BidirectionalMethod, Group, UnaryMethod
from grpc_api.metrics import ScorerMetrics
from grpc_api.status import Code, Status
from grpc_api.turns import Turns
from tests.waiting import wait_until_async


async def echo(data: bytes, _call: Call) -> bytes:
    return data


def method(group: Group = "score", handler: Any = echo) -> UnaryMethod:
    return UnaryMethod("/s/Echo", group, handler)


def gate(load: Load | None = None, **settings: Any) -> Gate:
    """A gate as settings make it."""
    meter = Meter(ScorerMetrics())
    return gate_of(ScorerSettings.model_validate(settings), meter=meter, load=load or Load(Turns(), max_in_flight=100))


async def refusal(gate: Gate, call: Call, group: Group = "score", handler: Any = echo) -> Status | None:
    """The status that a call ends with; None where it is answered."""
    try:
        assert await gate.unary(method(group, handler), b"x", call) == b"x"
    except CallFailedError as failed:
        return failed.status
    return None


def with_key(key: str) -> Call:
    return Call(metadata={"x-api-key": key}, peer="ipv4:10.0.0.1:5")


def certified(name: str) -> Call:
    call = Call(peer="ipv4:10.0.0.1:5")
    call.certificate = name
    return call


async def test_without_settings_everybody_may_call_everything() -> None:
    """As on a developer's machine."""
    groups: tuple[Group, ...] = ("score", "admin", "open")
    assert [await refusal(gate(), Call(), group) for group in groups] == [None] * 3


async def test_who_calls_must_prove_it_but_for_the_health(tmp_path: Path) -> None:
    """A key opens its groups and no other; `open` methods are everybody's; the method is told who called."""
    seen = []

    async def who(data: bytes, call: Call) -> bytes:
        seen.append(call.client)
        return data

    (key, line), (admin, other) = new_key("till", ["score"]), new_key("ops", ["admin"])
    (tmp_path / "keys").write_text(f"{line}\n{other}\n")
    guarded = gate(auth=AuthSettings(api_keys=tmp_path / "keys"))
    assert await refusal(guarded, with_key(key), "score", who) is None
    assert await refusal(guarded, with_key(admin), "admin", who) is None
    assert seen == ["till", "ops"]
    codes = [
        (await refusal(guarded, call, group) or Status(Code.OK, "")).code
        for call, group in [
            (Call(), "score"),
            (with_key("till.x"), "score"),
            (with_key(key), "admin"),
            (Call(), "open"),
        ]
    ]
    assert codes == [Code.UNAUTHENTICATED, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.OK]


async def test_a_client_that_calls_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    """By its key, wherever it calls from; without keys by its certificate, or its address, whatever its port."""
    (key, line), (other_key, other_line) = new_key("till", ["score"]), new_key("shop", ["score"])
    (tmp_path / "keys").write_text(f"{line}\n{other_line}\n")
    limits = {"rate_limit_per_s": 0.01, "rate_limit_burst": 2}
    for limited, once, again, other in [
        (
            gate(auth=AuthSettings(api_keys=tmp_path / "keys"), **limits),
            with_key(key),
            with_key(key),
            with_key(other_key),
        ),
        (gate(**limits), Call(peer="ipv4:10.0.0.1:5"), Call(peer="ipv4:10.0.0.1:6"), Call(peer="ipv4:10.0.0.2:5")),
        (gate(**limits), certified("till"), certified("till"), certified("shop")),
    ]:
        assert [await refusal(limited, call) for call in (once, again)] == [None, None]
        status = await refusal(limited, again)
        assert status is not None
        assert status.code is Code.RESOURCE_EXHAUSTED
        assert 90 < (status.retry_after_s or 0) <= 100
        assert status.metadata == (("grpc-retry-pushback-ms", str(-int(-(status.retry_after_s or 0) * 1e3 // 1))),)
        assert await refusal(limited, other) is None
        assert await refusal(limited, again, "open") is None


async def test_what_ends_makes_room_however_it_ends() -> None:
    """An answer, an error, a caller who goes away, a stream that is left off; more than fit are refused at once."""
    load = Load(Turns(), max_in_flight=2)
    limited, release = gate(load), asyncio.Event()

    async def wait(data: bytes, _call: Call) -> bytes:
        await release.wait()
        return data

    async def fail(_data: bytes, _call: Call) -> bytes:
        raise ValueError

    async def both(messages: AsyncIterator[bytes], _call: Call) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message

    async def messages() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    assert (await refusal(limited, Call(), handler=fail) or Status(Code.OK, "")).code is Code.INTERNAL
    waiting = [asyncio.create_task(limited.unary(method(handler=wait), b"x", Call())) for _ in range(2)]
    await asyncio.sleep(0)
    status = await refusal(limited, Call())
    assert status is not None
    assert status.code is Code.RESOURCE_EXHAUSTED
    assert status.metadata
    assert await refusal(limited, Call(), "open") is None
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    stream = limited.bidirectional(BidirectionalMethod("/s/Both", "score", both), messages(), Call())
    assert await anext(stream) == b"x"
    assert load.n_in_flight == 2
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    release.set()
    await asyncio.wait(waiting)
    assert load.n_in_flight == 0


async def test_a_call_is_turned_away_before_its_message_is_here() -> None:
    """By who calls and by the load; it takes a place once it is answered, if there is one then."""
    load, call = Load(Turns(), max_in_flight=1), Call()
    limited = gate(load)
    with limited.opened(method(), call):
        assert load.n_in_flight == 0
        assert await limited.answer(method(), b"x", call) == b"x"
    assert load.n_in_flight == 0
    with pytest.raises(CallFailedError, match="has 1 calls in hand"), limited.opened(method(), call):
        await answer_beside(load, limited, call)
    with pytest.raises(CallFailedError, match="has 1 calls in hand"), limited.opened(method(), call):
        pytest.fail("it was let in")
    with limited.opened(method("open"), call):
        assert await limited.answer(method("open"), b"x", call) == b"x"
    assert load.n_in_flight == 1


async def answer_beside(load: Load, limited: Gate, call: Call) -> None:
    """Answer a call after another has taken the place that there was."""
    load.enter(None)
    await limited.answer(method(), b"x", call)


async def test_what_goes_wrong_with_a_message_is_the_calls_failure() -> None:
    """Told as if its method had raised it, and never what is the server's own."""
    opened = gate()
    for error, code in (
        (RequestError("body", "is none", "send one"), Code.INVALID_ARGUMENT),
        (KeyError(), Code.INTERNAL),
    ):
        with pytest.raises(CallFailedError) as failed, opened.opened(method(), Call()):
            raise error
        assert failed.value.status.code is code


async def test_a_call_that_is_too_late_costs_nothing() -> None:
    """Its handler is not called, though its key is looked at: statuses tell nobody what only clients may know."""

    async def never(_data: bytes, _call: Call) -> bytes:
        pytest.fail("it was worked on")

    late, gone = Call(deadline_s=time.monotonic()), Call()
    gone.cancelled = True
    for call in (late, gone):
        assert (await refusal(gate(), call, handler=never) or Status(Code.OK, "")).code is Code.DEADLINE_EXCEEDED


async def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    """Of calls that are refused and of handlers that break; the client's name may."""
    key, line = new_key("till", ["score"])
    (tmp_path / "keys").write_text(line)
    guarded = gate(auth=AuthSettings(api_keys=tmp_path / "keys"))

    async def fail(_data: bytes, _call: Call) -> bytes:
        raise ValueError("broken")

    with structlog.testing.capture_logs() as logged:
        for call in (with_key(key), with_key(key + "x"), Call(metadata={"authorization": f"Bearer {key}"})):
            await refusal(guarded, call, handler=fail)
    assert any(entry["event"] == "call_failed" for entry in logged)
    assert key.partition(".")[2] not in repr(logged)


async def test_each_message_of_a_stream_counts_like_a_call(tmp_path: Path) -> None:
    """The first is the call's; what came before the one too many is answered, and other clients are not touched."""
    (key, line), (other_key, other_line) = new_key("till", ["score"]), new_key("shop", ["score"])
    (tmp_path / "keys").write_text(f"{line}\n{other_line}\n")
    limited = gate(auth=AuthSettings(api_keys=tmp_path / "keys"), rate_limit_per_s=0.01, rate_limit_burst=5)

    async def both(messages: AsyncIterator[bytes], _call: Call) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message

    async def messages(n: int) -> AsyncIterator[bytes]:
        for i in range(n):
            yield b"%d" % i

    async def stream(key: str, n: int) -> tuple[list[bytes], Status | None]:
        answers = []
        try:
            async for answer in limited.bidirectional(
                BidirectionalMethod("/s/Both", "score", both), messages(n), with_key(key)
            ):
                answers.append(answer)  # noqa: PERF401 - what came before an error is to be kept
        except CallFailedError as failed:
            return answers, failed.status
        return answers, None

    assert await stream(key, 3) == ([b"0", b"1", b"2"], None)
    assert await refusal(limited, with_key(key)) is None
    answers, status = await stream(key, 3)
    assert answers == [b"0"]
    assert status is not None
    assert status.code is Code.RESOURCE_EXHAUSTED
    assert status.retry_after_s
    assert await stream(other_key, 5) == ([b"0", b"1", b"2", b"3", b"4"], None)


def count_of(metrics: ScorerMetrics, name: str) -> dict[str, float]:
    """Calls by reason, those of which there were none aside."""
    (family,) = getattr(metrics, name).collect()
    return {each.labels["reason"]: each.value for each in family.samples if each.name.endswith("_total") and each.value}


async def test_why_calls_are_turned_away_is_counted(tmp_path: Path) -> None:
    """Each by its reason, from the first on."""
    key, line = new_key("till", ["score"])
    (tmp_path / "keys").write_text(line)
    metrics, load = ScorerMetrics(), Load(Turns(), max_in_flight=1)
    meter = Meter(metrics)
    meter.start()
    settings = ScorerSettings.model_validate(
        {"auth": AuthSettings(api_keys=tmp_path / "keys"), "rate_limit_per_s": 0.01, "rate_limit_burst": 2}
    )
    guarded = gate_of(settings, meter=meter, load=load)

    async def ask_again(data: bytes, _call: Call) -> bytes:
        await refusal(guarded, with_key(key))
        return data

    for call in (Call(), with_key("till.x"), with_key(key), with_key(key)):
        await refusal(guarded, call, handler=ask_again)
    meter.stop()
    assert count_of(metrics, "unauthenticated") == {"none": 1, "key": 1}
    assert count_of(metrics, "shed") == {"in_flight": 1, "rate_limit": 1}


async def test_a_call_that_was_let_in_is_held_to_its_key(tmp_path: Path) -> None:
    """It may go on while its key is in force for its group, and is told why it may not."""
    (key, line), (_, other) = new_key("till", ["score"]), new_key("shop", ["score"])
    file = tmp_path / "keys"
    file.write_text(f"{line}\n{other}\n")
    guarded, call = gate(auth=AuthSettings(api_keys=file)), with_key(key)
    assert guarded.reconsider(method(), call) is None
    for without, code in (
        (line.replace("score", "admin"), Code.PERMISSION_DENIED),
        ("", Code.UNAUTHENTICATED),
    ):
        file.write_text(f"# taken back\n{without}\n{other}\n")  # another size: the clock of changes may stand still
        await wait_until_async(
            lambda code=code: (guarded.reconsider(method(), call) or Status(Code.OK, "")).code is code
        )
    assert guarded.reconsider(method("open"), call) is None
    assert gate().reconsider(method(), Call()) is None
