"""The gateway's side of a connection: uvicorn's, which tells nobody who connected, and waits for ever for its peer.

On h11, as httptools loses the body of a request that offers another protocol, which the HTTP client of the JDK does.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from grpc_api.http2.connection import written
from grpc_api.http2.patience import LEAST_BYTES_PER_S
from grpc_api.http2.tls import name_on

HEAD_S: Final = 10.0
"""Time for the head of a request, from its first byte on, and on a new connection from its beginning.

Also for the rest of a short body that was still to come when its call was refused.
"""
STALL_S: Final = 30.0
"""Time for a peer to take an answer; a long one has more, by the rate."""
MOST_HEAD_BYTES: Final = 64 * 1_024
UNREADABLE: Final = f"request: cannot be read; send HTTP/1.1, with a head of at most {MOST_HEAD_BYTES} bytes"


class GatewayProtocol(H11Protocol):
    """Puts ``peer`` and ``certificate`` (`Call` has both) into the state of each request."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Find out who it is."""
        super().connection_made(transport)
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
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request, or several."""
        super().data_received(data)
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self._is_between_requests():
            self._have_head()
        else:
            self._await_head()
        if not is_answering and self.timeout_keep_alive_task is None and self._is_between_requests():
            # uvicorn takes the rest of a body that nobody read for the next request
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

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
        """What came is no request: say so in the form of all refusals, and hang up."""
        body = msgspec.json.encode({"error": UNREADABLE})
        status = HTTPStatus.BAD_REQUEST
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Uvicorn's, for each such request; whoever offers another protocol is answered in this one."""

    def _is_between_requests(self) -> bool:
        """Whether nothing of the next request is here, nor anything left to come of the one before."""
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

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
