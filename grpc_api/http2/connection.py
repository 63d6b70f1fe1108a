"""One connection: frames in, streams opened, fed and forgotten, and the peer held to what HTTP/2 allows it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Final, cast

import structlog

from grpc_api.call import Call
from grpc_api.gate import Gate
from grpc_api.http2.calls import stream_kind
from grpc_api.http2.closed_streams import ClosedStreams
from grpc_api.http2.faults import ConnectionFault, ErrorCode, StreamFault
from grpc_api.http2.frame_reader import Frame, FrameReader, check_priority
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
    goaway,
    read_settings,
    read_u32,
    rst_stream,
    settings_frame,
    window_update,
)
from grpc_api.http2.header_blocks import HeaderBlocks
from grpc_api.http2.limits import Allowance, Limits, Room
from grpc_api.http2.outbox import MOST_FRAME, Outbox
from grpc_api.http2.request_head import malformed
from grpc_api.http2.stream import Stream
from grpc_api.http2.tls import name_on, speaks_http2
from grpc_api.methods import Methods

logger: Final = structlog.get_logger(__name__)

DRAIN_PING: Final = b"draining"
ALIVE_PING: Final = b"alive? :"
HIGH_WATER: Final = 512 * 1_024
NOISE_A_CALL: Final = 10.0
AGE_JITTER: Final = 0.2


class Connection(asyncio.Protocol):
    """Serves one peer.

    Parameters
    ----------
    methods, gate, limits, room
        What is served, what every call passes, what a peer may do, and the memory that connections share.
    on_open, on_close
        Called with the connection when it is made and when it is lost.

    Attributes
    ----------
    peer
        Address of the peer, as gRPC writes it.
    streams
        The calls that are not over, by stream.
    made_s, heard_s, busy_s
        When it was made, when the peer last said something, and when it last had a call; by the loop's clock.

    """

    def __init__(
        self,
        *,
        methods: Methods,
        gate: Gate,
        limits: Limits,
        room: Room,
        loop: asyncio.AbstractEventLoop,
        on_open: Callable[[Connection], object],
        on_close: Callable[[Connection], object],
    ) -> None:
        self.loop, self.gate, self.limits, self.room = loop, gate, limits, room
        self._methods = methods
        self._on_open, self._on_close = on_open, on_close
        self.outbox = Outbox(loop)
        self.reader = FrameReader(limits.header_block_bytes, limits.header_frames)
        self._blocks = HeaderBlocks(limits.header_list_bytes)
        self.streams: dict[int, Stream] = {}
        self._closed = ClosedStreams()
        self._opened: list[Stream] = []
        self._last_stream_id = 0
        self.peer_window = DEFAULT_WINDOW
        self._receive_window = limits.connection_window
        self._transport: asyncio.Transport | None = None
        self.peer = ""
        self._certificate: str | None = None
        self.made_s = self.heard_s = self.busy_s = now_s = time.monotonic()
        self._noise = Allowance(limits.noise, limits.noise_per_s, now_s)
        self._strikes = Allowance(limits.strikes, limits.strikes_per_s, now_s)
        self._written_at_ping = 0
        self._pings = Allowance(limits.pings, limits.pings_per_s, now_s)
        self.paused_s = self.drain_s = now_s
        self.closing_s: float | None = None
        self.age_share = 1.0 - random.random() * AGE_JITTER  # noqa: S311 - so that not all are drained at once
        self.is_draining = self._is_drained = False

    # the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the settings, and let the peer send ahead."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self.outbox.open(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self.peer = peer_of(transport)
        self._on_open(self)
        encrypted = transport.get_extra_info("ssl_object")
        if encrypted is not None:
            if not speaks_http2(encrypted):
                self.abort("it did not agree to HTTP/2 in the TLS handshake")
                return
            self._certificate = name_on(encrypted.getpeercert())
        self.outbox.write(
            settings_frame(
                {
                    MAX_CONCURRENT_STREAMS: self.limits.max_streams,
                    INITIAL_WINDOW_SIZE: self.limits.stream_window,
                    MAX_HEADER_LIST_SIZE: self.limits.header_list_bytes,
                }
            )
            + window_update(0, self.limits.connection_window - DEFAULT_WINDOW)
        )

    def data_received(self, data: bytes) -> None:
        """Act on what the peer sends, and answer in one write."""
        self.heard_s = time.monotonic()
        self.outbox.hold()
        try:
            self._read(data)
        except ConnectionFault as fault:
            self.end(fault.code, fault.problem)
        except Exception:  # a defect of ours takes one connection with it, and no more
            logger.exception("connection_failed", peer=self.peer)
            self.end(ErrorCode.INTERNAL_ERROR, "")
        for stream in self._opened:
            if not stream.is_over:
                stream.arm()
        self._opened.clear()
        self.outbox.flush()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Stop the handlers of its calls."""
        self._transport = None
        for stream in list(self.streams.values()):
            stream.cancel()
        self._on_close(self)

    def pause_writing(self) -> None:
        """The peer does not read: take no more of its calls."""
        self.paused_s = time.monotonic()
        self.outbox.pause()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self.outbox.resume()
        if self._transport is not None:
            self._transport.resume_reading()

    def eof_received(self) -> None:
        """The peer sends no more: the transport closes."""

    # what streams and the server ask

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        del self.streams[stream.id]
        self._closed.add(stream.id, is_cut=not stream.ended_by_peer)
        self.busy_s = self.heard_s
        if self._is_drained and not self.streams:
            self.loop.call_soon(self._close)

    def drain(self) -> None:
        """Ask the peer to take its calls elsewhere; what it sent before it knows is answered."""
        if not self.is_draining:
            self.is_draining = True
            self.drain_s = time.monotonic()
            self.outbox.write(goaway(LAST_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, DRAIN_PING))

    def finish_drain(self) -> None:
        """The peer knows: take no more calls, and close after the last."""
        if not self._is_drained:
            self._is_drained = True
            self.outbox.write(goaway(self._last_stream_id, ErrorCode.NO_ERROR))
            if not self.streams:
                self.loop.call_soon(self._close)

    def ask_whether_alive(self) -> None:
        """Let the peer say something."""
        self.outbox.write(frame(PING, 0, 0, ALIVE_PING))

    def end(self, code: ErrorCode, problem: str) -> None:
        """Say why, and hang up."""
        logger.info("connection_ended", peer=self.peer, code=code.name, problem=problem)
        self.outbox.write(goaway(self._last_stream_id, code, problem))
        for stream in list(self.streams.values()):
            stream.cancel()
        self._close()

    def abort(self, problem: str) -> None:
        """Hang up on a peer that would not listen."""
        logger.info("connection_aborted", peer=self.peer, problem=problem)
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        self.outbox.flush()
        if self._transport is not None and self.closing_s is None:
            self.closing_s = time.monotonic()
            self._transport.close()

    # frames

    def _read(self, data: bytes) -> None:
        for each in self.reader.feed(data):
            try:
                _ACTIONS.get(each.kind, Connection._on_noise)(self, each)
            except StreamFault as fault:
                self._break(fault)

    def _break(self, fault: StreamFault) -> None:
        """End a stream for a fault of its peer, who may commit so many."""
        logger.info("stream_broken", peer=self.peer, stream=fault.stream_id, problem=fault.problem)
        stream = self.streams.get(fault.stream_id)
        if stream is not None:
            stream.reset(fault.code)
        else:
            self._closed.add(fault.stream_id, is_cut=True)
            self.outbox.write(rst_stream(fault.stream_id, fault.code))
        self._strike()

    def _strike(self) -> None:
        if not self._strikes.spend(self.heard_s):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many calls were reset or broken")

    def _on_headers(self, each: Frame) -> None:
        stream_id, is_last = each.stream_id, bool(each.flags & END_STREAM)
        if stream_id <= self._last_stream_id:
            self._on_late_headers(stream_id, each.payload, is_last=is_last)
            return
        if not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a peer opens streams of odd numbers")
        if self._is_drained:
            self._blocks.skip(each.payload)
            return
        self._last_stream_id = stream_id
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
        call.certificate = self._certificate
        stream = stream_kind(head, method)(self, stream_id, head, call, method, now_s)
        self.streams[stream_id] = stream
        self._opened.append(stream)
        self._noise.earn(NOISE_A_CALL)
        stream.ended_by_peer = is_last
        stream.begin()
        if is_last and not stream.is_over:
            stream.receive(b"", 0, is_last=True)

    def _on_late_headers(self, stream_id: int, block: bytes, *, is_last: bool) -> None:
        """Trailers of a request, or what is none of a peer's business any more."""
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._closed.is_cut(stream_id):
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
        stream = self.streams.get(each.stream_id)
        if stream is None:
            self._check_not_idle(each.stream_id)
            if self._closed.is_cut(each.stream_id):
                return
            raise StreamFault(each.stream_id, ErrorCode.STREAM_CLOSED, "data for a stream that is closed")
        if stream.ended_by_peer:
            raise StreamFault(each.stream_id, ErrorCode.STREAM_CLOSED, "data after the request's end")
        is_last = bool(each.flags & END_STREAM)
        if not each.payload and not is_last:
            self._on_noise(each)
        stream.receive(each.payload, each.flow_bytes, is_last=is_last)

    def _on_rst_stream(self, each: Frame) -> None:
        read_u32(each.payload, "RST_STREAM")
        self._check_not_idle(each.stream_id)
        stream = self.streams.get(each.stream_id)
        if stream is None:
            self._on_noise(each)
            return
        stream.ended_by_peer = True
        is_rapid = time.monotonic() - stream.opened_s < self.limits.rapid_reset_s
        stream.cancel()
        if is_rapid:
            self._strike()

    def _on_settings(self, each: Frame) -> None:
        self._on_noise(each)
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
            if each.payload == DRAIN_PING and self.is_draining:
                self.finish_drain()
            else:
                self._on_noise(each)
            return
        has_news = self.outbox.n_written != self._written_at_ping  # clients measure the line while they are answered
        if not has_news and not self._pings.spend(self.heard_s):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")
        self.outbox.write(frame(PING, ACK, 0, each.payload))
        self._written_at_ping = self.outbox.n_written

    def _on_goaway(self, each: Frame) -> None:
        if each.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream")
        self._on_noise(each)

    def _on_window_update(self, each: Frame) -> None:
        self._on_noise(each)
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
        self._on_noise(each)

    def _on_push_promise(self, _each: Frame) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client promises nothing")

    def _on_noise(self, _each: Frame) -> None:
        """Bear with a frame that asks for nothing; there may be so many."""
        if not self._noise.spend(self.heard_s):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that ask for nothing")

    def _check_not_idle(self, stream_id: int) -> None:
        if not stream_id or stream_id > self._last_stream_id or not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame for a stream that was never opened")


_ACTIONS: Final[Mapping[int, Callable[[Connection, Frame], None]]] = {
    HEADERS: Connection._on_headers,
    DATA: Connection._on_data,
    PRIORITY: Connection._on_priority,
    RST_STREAM: Connection._on_rst_stream,
    SETTINGS: Connection._on_settings,
    PUSH_PROMISE: Connection._on_push_promise,
    PING: Connection._on_ping,
    GOAWAY: Connection._on_goaway,
    WINDOW_UPDATE: Connection._on_window_update,
}


def peer_of(transport: asyncio.BaseTransport) -> str:
    """The address of a peer as gRPC writes it."""
    address = transport.get_extra_info("peername")
    if not isinstance(address, tuple):
        return "unix:"
    host, port = address[:2]
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
