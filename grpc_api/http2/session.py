"""What a connection has agreed on and what it carries: its frames acted on, its streams opened, fed and forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from grpc_api.call import Call
from grpc_api.gate import Gate
from grpc_api.http2.calls import stream_kind
from grpc_api.http2.closed_streams import ClosedStreams
from grpc_api.http2.conduct import Conduct
from grpc_api.http2.faults import ConnectionFault, ErrorCode, StreamFault
from grpc_api.http2.frame_reader import Frame, check_priority
from grpc_api.http2.frames import (
    ACK,
    DATA,
    DEFAULT_WINDOW,
    END_STREAM,
    GOAWAY,
    GREATEST_WINDOW,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LAST_STREAM,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    PING,
    PING_BYTES,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    read_settings,
    read_u32,
    rst_stream,
    settings_frame,
    window_update,
)
from grpc_api.http2.header_blocks import HeaderBlocks
from grpc_api.http2.limits import Limits, Room
from grpc_api.http2.outbox import MOST_FRAME, Outbox
from grpc_api.http2.request_head import malformed
from grpc_api.http2.stream import Stream
from grpc_api.methods import Methods
from grpc_api.status import Status
from grpc_api.traffic import Traffic

logger: Final = structlog.get_logger(__name__)

DRAIN_PING: Final = b"draining"

STREAMS_TO_A_NOISE: Final = 16
"""Streams that a change of all windows may touch for what a frame of noise costs."""


class Session:
    """Acts on the frames of one peer.

    Parameters
    ----------
    methods, gate, limits, room
        What is served, what every call passes, what the peer may do, and the memory that connections share.
    outbox
        The way out.
    on_idle, on_drain_heard
        Called when the last stream is over, and when the peer has read what came before a ping of `DRAIN_PING`.

    Attributes
    ----------
    peer, certificate
        Address of the peer, as gRPC writes it, and whom its certificate names.
    streams
        The calls that are not over, by stream.
    last_stream_id
        The last that was opened.
    peer_window
        Bytes that a new stream may send.
    heard_s, busy_s
        When the peer last said something, and when it last had a call; by the monotonic clock.
    is_closed_to_calls
        Whether new streams are passed over, as the peer was told.
    traffic
        What it has carried so far.

    """

    def __init__(
        self,
        *,
        methods: Methods,
        gate: Gate,
        limits: Limits,
        room: Room,
        loop: asyncio.AbstractEventLoop,
        outbox: Outbox,
        on_idle: Callable[[], object],
        on_drain_heard: Callable[[], object],
    ) -> None:
        self.loop, self.gate, self.limits, self.room, self.outbox = loop, gate, limits, room, outbox
        self._methods = methods
        self._on_idle, self._on_drain_heard = on_idle, on_drain_heard
        self.peer = ""
        self.certificate: str | None = None
        self.streams: dict[int, Stream] = {}
        self.last_stream_id = 0
        self.peer_window = DEFAULT_WINDOW
        self.heard_s = self.busy_s = now_s = time.monotonic()
        self.is_closed_to_calls = False
        self._blocks = HeaderBlocks(limits.header_list_bytes)
        self._closed = ClosedStreams()
        self._conduct = Conduct(limits, outbox, now_s)
        self._opened: list[Stream] = []
        self._receive_window = limits.connection_window
        self.traffic = Traffic()

    def greet(self) -> None:
        """Send the settings, and let the peer send ahead."""
        values = {
            MAX_CONCURRENT_STREAMS: self.limits.max_streams,
            INITIAL_WINDOW_SIZE: self.limits.stream_window,
            MAX_HEADER_LIST_SIZE: self.limits.header_list_bytes,
        }
        self.outbox.write(settings_frame(values))
        self.outbox.write(window_update(0, self.limits.connection_window - DEFAULT_WINDOW))

    def act(self, frames: Iterable[Frame]) -> None:
        """Act on frames; ConnectionFault where the peer does what it may not."""
        self.heard_s = time.monotonic()
        for each in frames:
            try:
                _ACTIONS.get(each.kind, Session._on_unknown)(self, each)
            except StreamFault as fault:
                self._break(fault)

    def arm(self) -> None:
        """See to the deadlines of the calls that were opened and are not over yet."""
        for stream in self._opened:
            if not stream.is_over:
                stream.arm()
        self._opened.clear()

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        del self.streams[stream.id]
        self.traffic.end(ok=stream.is_ok, received=stream.n_received, sent=stream.n_sent)
        self._closed.add(stream.id, is_cut=not stream.ended_by_peer)
        self.busy_s = self.heard_s
        if not stream.call.cancelled:
            self._conduct.note_answer()
        if not self.streams:
            self._on_idle()

    def fail_all(self, status: Status) -> None:
        """Tell everybody who waits why there is no answer."""
        for stream in list(self.streams.values()):
            stream.fail(status)

    def cancel_all(self) -> None:
        """Nobody waits for any answer."""
        for stream in list(self.streams.values()):
            stream.cancel()

    def _break(self, fault: StreamFault) -> None:
        """End a stream for a fault of its peer, who may commit so many."""
        logger.debug("stream_broken", peer=self.peer, stream=fault.stream_id, problem=fault.problem)
        stream = self.streams.get(fault.stream_id)
        if stream is not None:
            stream.reset(fault.code)
        else:
            self._closed.add(fault.stream_id, is_cut=True)
            self.outbox.write(rst_stream(fault.stream_id, fault.code))
        self._conduct.bear_broken(self.heard_s)

    def _on_headers(self, each: Frame) -> None:
        stream_id, is_last = each.stream_id, bool(each.flags & END_STREAM)
        if stream_id <= self.last_stream_id:
            self._on_late_headers(stream_id, each.payload, is_last=is_last)
            return
        if not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a peer opens streams of odd numbers")
        if self.is_closed_to_calls:
            self._blocks.skip(each.payload)
            return
        self.last_stream_id = stream_id
        head = self._blocks.to_head(stream_id, each.payload)
        if len(self.streams) >= self.limits.max_streams:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, "more calls than there may be at a time")
        now_s = time.monotonic()
        call = Call(
            deadline_s=None if head.timeout_s is None else now_s + head.timeout_s,
            metadata=head.metadata,
            peer=self.peer,
        )
        method = self._methods.get(head.path)
        call.certificate = self.certificate
        stream = stream_kind(head, method)(self, stream_id, head, call, method, now_s)
        self.streams[stream_id] = stream
        self.traffic.start()
        self._opened.append(stream)
        self._conduct.note_call()
        stream.ended_by_peer = is_last
        stream.begin()
        if is_last and not stream.is_over:
            stream.receive(b"", 0, is_last=True)

    def _on_late_headers(self, stream_id: int, block: bytes, *, is_last: bool) -> None:
        """Trailers of a request, or what is none of a peer's business any more."""
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._closed.is_cut(stream_id):
                self._conduct.bear_noise(self.heard_s)
                self._blocks.skip(block)
                return
            code = ErrorCode.STREAM_CLOSED if stream_id in self._closed else ErrorCode.PROTOCOL_ERROR
            raise ConnectionFault(code, "headers for a stream that is closed")
        self._blocks.check_trailers(stream_id, block)
        if stream.ended_by_peer:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "headers after the request's end")
        if not is_last:
            raise malformed(stream_id, "trailers that do not end the request")
        stream.receive(b"", 0, is_last=True)

    def _on_data(self, each: Frame) -> None:
        self._receive_window -= each.flow_bytes
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window takes")
        whole = self.limits.connection_window
        if 2 * self._receive_window < whole:
            self.outbox.write(window_update(0, whole - self._receive_window))
            self._receive_window = whole
        is_last = bool(each.flags & END_STREAM)
        if not each.payload and not is_last:
            self._conduct.bear_noise(self.heard_s)
        stream = self.streams.get(each.stream_id)
        if stream is None:
            self._check_not_idle(each.stream_id)
            if each.stream_id > self.last_stream_id or self._closed.is_cut(each.stream_id):
                return
            raise StreamFault(each.stream_id, ErrorCode.STREAM_CLOSED, "data for a stream that is closed")
        if stream.ended_by_peer:
            raise StreamFault(each.stream_id, ErrorCode.STREAM_CLOSED, "data after the request's end")
        stream.receive(each.payload, each.flow_bytes, is_last=is_last)

    def _on_rst_stream(self, each: Frame) -> None:
        read_u32(each.payload, "RST_STREAM")
        self._check_not_idle(each.stream_id)
        stream = self.streams.get(each.stream_id)
        if stream is None:
            self._conduct.bear_noise(self.heard_s)
            return
        stream.ended_by_peer = True
        stream.cancel()
        self._conduct.bear_reset(stream.opened_s, self.heard_s)

    def _on_settings(self, each: Frame) -> None:
        self._conduct.bear_noise(self.heard_s)
        if each.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream")
        if each.flags & ACK:
            if each.payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS that acknowledge say something")
            return
        values = dict(read_settings(each.payload))
        self.outbox.write(frame(SETTINGS, ACK, 0))  # before the data that the new windows let through
        self.outbox.max_frame = min(values.get(MAX_FRAME_SIZE, self.outbox.max_frame), MOST_FRAME)
        if INITIAL_WINDOW_SIZE in values:
            self._change_windows(values[INITIAL_WINDOW_SIZE])

    def _change_windows(self, size: int) -> None:
        change, self.peer_window = size - self.peer_window, size
        for _ in range(len(self.streams) // STREAMS_TO_A_NOISE):  # each of them is looked at
            self._conduct.bear_noise(self.heard_s)
        for stream in list(self.streams.values()):
            if stream.window + change > GREATEST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is above 2^31 - 1")
            stream.grow(change)

    def _on_ping(self, each: Frame) -> None:
        if each.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING of a stream")
        if len(each.payload) != PING_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING is not eight bytes")
        if each.flags & ACK:
            self._conduct.bear_noise(self.heard_s)
            if each.payload == DRAIN_PING:
                self._on_drain_heard()
            return
        self._conduct.bear_ping(self.heard_s)
        self.outbox.write(frame(PING, ACK, 0, each.payload))
        self._conduct.note_ping_answered()

    def _on_goaway(self, each: Frame) -> None:
        if each.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream")
        self._conduct.bear_noise(self.heard_s)

    def _on_window_update(self, each: Frame) -> None:
        self._conduct.bear_noise(self.heard_s)
        increment = read_u32(each.payload, "WINDOW_UPDATE") & LAST_STREAM
        stream_id = each.stream_id
        if not stream_id:
            if not increment:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
            self.outbox.grow(increment)
            return
        self._check_not_idle(stream_id)
        if not increment:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.grow(increment)

    def _on_priority(self, each: Frame) -> None:
        """Every call is as urgent as the others."""
        check_priority(each.stream_id, each.payload)
        self._conduct.bear_noise(self.heard_s)

    def _on_push_promise(self, _each: Frame) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client promises nothing")

    def _on_unknown(self, _each: Frame) -> None:
        """Frames of a kind that is not known are to be passed over."""
        self._conduct.bear_noise(self.heard_s)

    def _check_not_idle(self, stream_id: int) -> None:
        if stream_id and self.is_closed_to_calls:  # a call that was not taken, and may have come on meanwhile
            return
        if not stream_id or stream_id > self.last_stream_id or not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame for a stream that was never opened")


_ACTIONS: Final[Mapping[int, Callable[[Session, Frame], None]]] = {
    HEADERS: Session._on_headers,
    DATA: Session._on_data,
    PRIORITY: Session._on_priority,
    RST_STREAM: Session._on_rst_stream,
    SETTINGS: Session._on_settings,
    PUSH_PROMISE: Session._on_push_promise,
    PING: Session._on_ping,
    GOAWAY: Session._on_goaway,
    WINDOW_UPDATE: Session._on_window_update,
}
