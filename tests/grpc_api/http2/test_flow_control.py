"""Windows both ways: whatever the order of grants, all bytes go out in order and never more than was granted."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from hyperframe.frame import DataFrame, Frame, HeadersFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from grpc_api.http2.answer_half import AnswerHalf
from grpc_api.http2.frames import DEFAULT_WINDOW
from grpc_api.http2.messages import Encoding
from grpc_api.http2.outbox import FLUSH_BYTES, Outbox
from grpc_api.status import Code, Status


class Wire:
    """A transport that keeps what it is given, and is full when told."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


class Answer(AnswerHalf):
    """An answer that notes its end."""

    over = False

    def _drained(self) -> None:
        pass

    def _ended(self) -> None:
        self.over = True


class Loop:
    """Whatever is to be called soon is called by `Outbox.flush` here."""

    def call_soon(self, *_: Any) -> None:
        pass


def new_outbox() -> tuple[Outbox, Wire]:
    outbox, wire = Outbox(cast("asyncio.AbstractEventLoop", Loop())), Wire()
    outbox.open(cast("asyncio.Transport", wire))
    return outbox, wire


def frames_of(data: bytes) -> list[Frame]:
    found = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        found.append(frame)
        data = data[9 + length :]
    return found


class Windows(RuleBasedStateMachine):
    """Two answers over one connection, against a peer that counts."""

    @initialize(window=st.integers(0, 100))
    def begin(self, window: int) -> None:
        self.outbox, self.wire = new_outbox()
        self.outbox.window = 50
        self.outbox.max_frame = 40
        self.granted = 50
        self.answers = {n: Answer(n, self.outbox, window, Encoding.IDENTITY) for n in (1, 3)}
        self.windows = dict.fromkeys(self.answers, window)
        self.sent = dict.fromkeys(self.answers, b"")
        self.seen = dict.fromkeys(self.answers, 0)
        self.was_paused = False
        self.ending: set[int] = set()

    @rule(stream=st.sampled_from([1, 3]), data=st.binary(min_size=20, max_size=120))
    def send(self, stream: int, data: bytes) -> None:
        if stream not in self.ending:
            self.answers[stream].queue(data)
            self.sent[stream] += b"\0" + len(data).to_bytes(4, "big") + data

    @rule(stream=st.sampled_from([1, 3]), dice=st.integers(0, 4))
    def end(self, stream: int, dice: int) -> None:
        if not dice and stream not in self.ending:
            self.ending.add(stream)
            self.answers[stream].end(Status(Code.OK, ""))

    @rule(stream=st.sampled_from([0, 0, 1, 3]), increment=st.integers(1, 150))
    def grant(self, stream: int, increment: int) -> None:
        if stream:
            self.windows[stream] += increment
            if not self.answers[stream].over:
                self.answers[stream].grow(increment)
        else:
            self.granted += increment
            self.outbox.grow(increment)

    @rule(change=st.integers(-60, 60))
    def change_the_initial_window(self, change: int) -> None:
        for stream, answer in self.answers.items():
            if not answer.over:
                self.windows[stream] += change
                answer.grow(change)

    @rule(is_full=st.booleans())
    def fill_or_empty_the_transport(self, is_full: bool) -> None:
        if is_full and not self.outbox.is_paused:
            self.outbox.pause()
        else:
            self.outbox.resume()

    @invariant()
    def no_more_than_granted_and_no_less(self) -> None:
        if not hasattr(self, "outbox"):
            return
        self.outbox.flush()
        got = dict.fromkeys(self.answers, b"")
        ended: set[int] = set()
        for frame in frames_of(self.wire.written):
            assert frame.stream_id not in ended
            if isinstance(frame, DataFrame):
                assert len(frame.data) <= 40
                got[frame.stream_id] += frame.data
            elif isinstance(frame, HeadersFrame) and "END_STREAM" in frame.flags:
                ended.add(frame.stream_id)
        total = sum(map(len, got.values()))
        assert total <= self.granted
        for stream, data in got.items():
            assert self.sent[stream].startswith(data)
            if len(data) > self.seen[stream]:
                assert len(data) <= self.windows[stream]
                assert not (self.was_paused and self.outbox.is_paused)
            waits = self.sent[stream] != data
            assert self.answers[stream].waiting_bytes == len(self.sent[stream]) - len(data)
            assert (stream in ended) == (stream in self.ending and not waits)
            if waits:
                assert self.outbox.is_paused or total == self.granted or len(data) >= self.windows[stream]
            self.seen[stream] = len(data)
        self.was_paused = self.outbox.is_paused


TestWindows = Windows.TestCase


class Watched(Answer):
    """An answer that counts how often it is asked to go on."""

    n_pushed = 0

    def push(self) -> None:
        self.n_pushed += 1
        super().push()


def test_what_is_granted_to_the_connection_costs_no_look_at_those_that_wait_for_their_own_windows() -> None:
    """Else a peer that shuts its streams would have all of them looked at for each frame of its own."""
    outbox, _ = new_outbox()
    shut = [Watched(n, outbox, 0, Encoding.IDENTITY) for n in range(1, 101, 2)]
    for answer in shut:
        answer.queue(b"x")
    for _ in range(50):
        outbox.grow(1)
    assert [answer.n_pushed for answer in shut] == [1] * 50

    shut[7].grow(6)
    assert (shut[7].n_pushed, shut[7].waiting_bytes) == (2, 0)


def test_what_is_granted_goes_to_who_waits_first() -> None:
    """And each grant costs as many looks as it lets answers go on, however many wait."""
    outbox, _ = new_outbox()
    outbox.window = 0
    waiting = [Watched(n, outbox, 100, Encoding.IDENTITY) for n in range(1, 101, 2)]
    for answer in waiting:
        answer.queue(b"x")
    for n in range(10):
        outbox.grow(6)
        assert [answer.waiting_bytes for answer in waiting] == [0] * (n + 1) + [6] * (49 - n)
    assert sum(answer.n_pushed for answer in waiting) == 50 + 10


TestWindows.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.integers(0, 3 * FLUSH_BYTES))
def test_a_long_answer_is_handed_over_in_portions(size: int) -> None:
    """So the transport can say that it has enough."""
    outbox, wire = new_outbox()
    outbox.window = 10 * FLUSH_BYTES
    answer = Answer(1, outbox, 10 * FLUSH_BYTES, Encoding.IDENTITY)
    answer.queue(bytes(size))

    assert size + 5 - len(wire.written) <= FLUSH_BYTES + outbox.max_frame


def test_an_answer_that_fits_goes_out_whole() -> None:
    """In three frames of one write; one byte more, and it waits for the window."""
    outbox, wire = new_outbox()
    answer = Answer(1, outbox, DEFAULT_WINDOW, Encoding.IDENTITY)
    assert answer.send_whole(bytes(16_379))
    outbox.flush()

    assert [type(frame) for frame in frames_of(wire.written)] == [HeadersFrame, DataFrame, HeadersFrame]
    assert outbox.window == DEFAULT_WINDOW - 16_384
    assert answer.over
    assert not Answer(3, outbox, DEFAULT_WINDOW, Encoding.IDENTITY).send_whole(bytes(16_380))
    assert not Answer(5, outbox, 10, Encoding.IDENTITY).send_whole(bytes(6))
