"""One connection: the transport's bytes to its session and back, its age, and its end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Final, cast

import structlog

from grpc_api.gate import Gate
from grpc_api.http2.faults import ConnectionFault, ErrorCode
from grpc_api.http2.frame_reader import FrameReader
from grpc_api.http2.frames import LAST_STREAM, PING, frame, goaway
from grpc_api.http2.limits import Limits, Room
from grpc_api.http2.outbox import Outbox
from grpc_api.http2.session import DRAIN_PING, Session
from grpc_api.http2.tls import name_on, speaks_http2
from grpc_api.methods import Methods
from grpc_api.traffic import Traffic

logger: Final = structlog.get_logger(__name__)

ALIVE_PING: Final = b"alive? :"
HIGH_WATER: Final = 512 * 1_024
AGE_JITTER: Final = 0.2
_numbers: Final = count(1)


class Connection(asyncio.Protocol):
    """Serves one peer.

    Parameters
    ----------
    methods, gate, limits, room
        See `Session`.
    on_open, on_close
        Called with the connection when it is made and greeted, and when it is lost.

    Attributes
    ----------
    session, reader, outbox
        What it carries, and its ways in and out.
    local, security
        Its own address, as gRPC writes it, and the protocol and cipher that protect it; None: nothing does.
    made_s, paused_s, drain_s, closing_s
        When it was made, when the peer last stopped reading, when it was asked to go, and when it was closed (None: not
        yet); by the monotonic clock.
    number
        Its own, for as long as the process lives.
    is_made
        Whether there is, or was, anybody at the other end.
    age_share
        Part of the age that connections may reach which this one does: not all are drained at once.

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
        self.number = next(_numbers)
        self._loop = loop
        self._on_open, self._on_close = on_open, on_close
        self._transport: asyncio.Transport | None = None
        self.outbox = Outbox(loop)
        self.reader = FrameReader(limits.header_block_bytes, limits.header_frames)
        self.session = Session(
            methods=methods,
            gate=gate,
            limits=limits,
            room=room,
            loop=loop,
            outbox=self.outbox,
            on_idle=self._close_when_drained,
            on_drain_heard=self.finish_drain,
        )
        self.made_s = self.paused_s = self.drain_s = time.monotonic()
        self.closing_s: float | None = None
        self.age_share = 1.0 - random.random() * AGE_JITTER  # noqa: S311 - nobody gains by guessing it
        self.is_draining = False
        self.is_made = False
        self.local = ""
        self.security: str | None = None

    @property
    def peer(self) -> str:
        """Address of the peer, as gRPC writes it."""
        return self.session.peer

    @property
    def traffic(self) -> Traffic:
        """What it has carried so far."""
        return self.session.traffic

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.is_made = True
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self.outbox.open(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        session = self.session
        session.peer = written(transport.get_extra_info("peername"))
        self.local = written(transport.get_extra_info("sockname"))
        encrypted = transport.get_extra_info("ssl_object")
        if encrypted is not None:
            session.certificate = name_on(encrypted.getpeercert())
            self.security = " ".join((encrypted.version() or "", *(encrypted.cipher() or ())[:1])).strip()
        if encrypted is None or speaks_http2(encrypted):
            session.greet()
        else:
            self.abort("it did not agree to HTTP/2 in the TLS handshake")
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        """Act on what the peer sends, and answer in one write."""
        self.outbox.hold()
        try:
            self.session.act(self.reader.feed(data))
        except ConnectionFault as fault:
            self.end(fault.code, fault.problem)
        except Exception:  # a defect of ours takes one connection with it, and no more
            logger.exception("connection_failed", peer=self.session.peer)
            self.end(ErrorCode.INTERNAL_ERROR, "")
        self.session.arm()
        self.outbox.flush()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Stop the handlers of its calls."""
        self._transport = None
        self.session.cancel_all()
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

    def drain(self) -> None:
        """Ask the peer to take its calls elsewhere; what it sends before it knows is answered."""
        if not self.is_draining:
            self.is_draining = True
            self.drain_s = time.monotonic()
            self.outbox.write(goaway(LAST_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, DRAIN_PING))

    def finish_drain(self) -> None:
        """The peer knows: take no more calls, and close after the last."""
        if self.is_draining and not self.session.is_closed_to_calls:
            self.session.is_closed_to_calls = True
            self.outbox.write(goaway(self.session.last_stream_id, ErrorCode.NO_ERROR))
            self._close_when_drained()

    def ask_whether_alive(self) -> None:
        """Let the peer say something."""
        self.outbox.write(frame(PING, 0, 0, ALIVE_PING))

    def end(self, code: ErrorCode, problem: str) -> None:
        """Say why, and hang up."""
        logger.info("connection_ended", peer=self.session.peer, code=code.name, problem=problem)
        self.outbox.write(goaway(self.session.last_stream_id, code, problem))
        self.session.cancel_all()
        self._close()

    def abort(self, problem: str) -> None:
        """Hang up on a peer that would not listen."""
        logger.info("connection_aborted", peer=self.session.peer, problem=problem)
        if self._transport is not None:
            self._transport.abort()

    def _close_when_drained(self) -> None:
        if self.session.is_closed_to_calls and not self.session.streams:
            self._loop.call_soon(self._close)

    def _close(self) -> None:
        self.outbox.flush()
        if self._transport is not None and self.closing_s is None:
            self.closing_s = time.monotonic()
            self._transport.close()


def written(address: object) -> str:
    """The address of a socket as gRPC writes it."""
    if not isinstance(address, tuple):
        return "unix:"
    host, port = address[:2]
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
