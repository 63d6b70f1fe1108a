"""The gateway's side of a connection: uvicorn's, which tells nobody who connected, and waits for ever for its peer.

On h11, as httptools loses the body of a request that offers another protocol, which the HTTP client of the JDK does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from grpc_api.http2.connection import written
from grpc_api.http2.patience import LEAST_BYTES_PER_S
from grpc_api.http2.tls import name_on
from grpc_api.rest.bodies import LINGER_S

HEAD_S: Final = 10.0
"""Time for the head of a request, from its first byte on, and on a new connection from its beginning.

Also for the rest of a short body that was still to come when its call was refused.
"""
STALL_S: Final = 30.0
"""Time for a peer to take an answer; a long one has more, by the rate."""
MOST_HEAD_BYTES: Final = 64 * 1_024
UNREADABLE: Final = f"request: cannot be read; send HTTP/1.1, with a head of at most {MOST_HEAD_BYTES} bytes"


class GatewayProtocol(H11Protocol):
    """Puts ``peer`` and ``certificate`` (`Call` has both) into the state of each request.

    ``on_close`` is called once, when the connection is lost that ``is_made`` says was made.
    """

    def __init__(self, *arguments: Any, on_close: Callable[[], None] = lambda: None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.is_made = False
        self._on_close = on_close
        self._linger_timer: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Find out who it is."""
        super().connection_made(transport)
        self.is_made = True
        encrypted = transport.get_extra_info("ssl_object")
        self.app_state = {
            **self.app_state,
            "peer": written(transport.get_extra_info("peername")),
            "certificate": None if encrypted is None else name_on(encrypted.getpeercert()),
        }
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._have_head()
        self._have_room()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)
        self._on_close()

    def data_received(self, data: bytes) -> None:
        """Part of a request, or several; what comes after something that is none is thrown away."""
        if self._lingers():
            return
        super().data_received(data)
        if self._lingers():
            return
        self._look_for_head()
        if not self._is_answering() and self.timeout_keep_alive_task is None and self._is_between_requests():
            # uvicorn takes the rest of a body that nobody read for the next request
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """All of an answer is written; of a request that was answered unread, the rest is still to come."""
        super().on_response_complete()
        if not self._lingers() and not self.transport.is_closing():
            self._look_for_head()

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is answered."""
        super().pause_writing()
        long_s = self.transport.get_write_buffer_size() / LEAST_BYTES_PER_S
        self._stall_timer = self.loop.call_later(STALL_S + long_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        self._have_room()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, we have our own
        """What came is no request: say so in the form of all refusals, and hang up once the peer has, or soon.

        Whoever is at work on the request whose body broke off finds its caller gone, and says no more.
        """
        is_answered = self._is_answering() and self.cycle.response_started
        if self._is_answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not is_answered:
            self._say_unreadable()
        self._have_head()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger_timer = self.loop.call_later(LINGER_S, self.transport.close)

    def _say_unreadable(self) -> None:
        body = msgspec.json.encode({"error": UNREADABLE})
        status = HTTPStatus.BAD_REQUEST
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)

    def _unsupported_upgrade_warning(self) -> None:
        """Uvicorn's, for each such request; whoever offers another protocol is answered in this one."""

    def _is_between_requests(self) -> bool:
        """Whether nothing of the next request is here, nor anything left to come of the one before."""
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _lingers(self) -> bool:
        """Whether all is said, and nothing is read any more."""
        return self._linger_timer is not None

    def _is_answering(self) -> bool:
        """Whether a request is at work."""
        return self.cycle is not None and not self.cycle.response_complete

    def _look_for_head(self) -> None:
        """Give what has begun to come, and is nobody's work yet, its time."""
        if self._is_answering() or self._is_between_requests():
            self._have_head()
        else:
            self._await_head()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.abort)

    def _have_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _have_room(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
