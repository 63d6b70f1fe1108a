"""How long a peer is waited for: looked at each second, for all connections together."""

from __future__ import annotations

from typing import Final

from grpc_api.gate import Gate
from grpc_api.http2.connection import Connection
from grpc_api.http2.faults import ErrorCode
from grpc_api.http2.limits import Limits
from grpc_api.http2.stream import Stream
from grpc_api.status import Code, Status

DRAIN_ACK_S: Final = 2.0
"""Time for a peer to hear that it is to go."""
LEAST_BYTES_PER_S: Final = 16 * 1_024
"""A long message has more time, by this rate."""
TOO_SLOW: Final = Status(Code.DEADLINE_EXCEEDED, "the request did not come in time")


class Patience:
    """Looks after the connections of one server, and asks the gate whether calls may go on."""

    def __init__(self, limits: Limits, gate: Gate) -> None:
        self._limits = limits
        self._gate = gate
        self._stuck: dict[Connection, tuple[int, float]] = {}
        self._asked: dict[Connection, float] = {}
        """When who was asked whether it lives had last been heard."""

    def forget(self, connection: Connection) -> None:
        """A connection was lost."""
        self._stuck.pop(connection, None)
        self._asked.pop(connection, None)

    def look_at(self, connection: Connection, now_s: float) -> None:
        """End, drain or ask a connection whose time has come."""
        limits = self._limits
        silent_s = now_s - connection.session.heard_s
        if connection.closing_s is not None:
            if now_s - connection.closing_s > limits.stall_s:
                connection.abort("it does not take the end")
        elif connection.outbox.is_paused:  # nothing is read of it meanwhile, so nothing else can be held against it
            self._stuck.pop(connection, None)
            if now_s - connection.paused_s > limits.stall_s:
                connection.abort("it does not read")
        elif self._is_stuck(connection, now_s):
            connection.end(ErrorCode.ENHANCE_YOUR_CALM, "a frame or header block does not end")
        elif silent_s > limits.keepalive_s + limits.keepalive_ack_s:
            connection.abort("it does not answer")
        elif silent_s > limits.keepalive_s and self._asked.get(connection) != connection.session.heard_s:  # once
            self._asked[connection] = connection.session.heard_s
            connection.ask_whether_alive()
        for stream in list(connection.session.streams.values()):
            self._look_at_stream(stream, now_s)
        if connection.is_draining:
            if now_s - connection.drain_s > DRAIN_ACK_S:
                connection.finish_drain()
        elif self._is_due(connection, now_s):
            connection.drain()

    def _is_stuck(self, connection: Connection, now_s: float) -> bool:
        """Whether a frame has been on its way for too long."""
        if not connection.reader.is_within_frame:
            self._stuck.pop(connection, None)
            return False
        n_read, since_s = self._stuck.get(connection, (-1, 0.0))
        if n_read != connection.reader.n_read:
            self._stuck[connection] = connection.reader.n_read, now_s
            return False
        return now_s - since_s > self._limits.handshake_s

    def _is_due(self, connection: Connection, now_s: float) -> bool:
        idle_s, age_s = self._limits.idle_s, self._limits.age_s
        if age_s is not None and now_s - connection.made_s > age_s * connection.age_share:
            return True
        return idle_s is not None and not connection.session.streams and now_s - connection.session.busy_s > idle_s

    def _look_at_stream(self, stream: Stream, now_s: float) -> None:
        if stream.method is not None and now_s - stream.opened_s > self._limits.look_s:
            revoked = self._gate.reconsider(stream.method, stream.call)
            if revoked is not None:
                stream.fail(revoked)
                return
        announced = stream.announced_bytes
        if announced is not None:
            if not stream.may_send:
                stream.message_since_s = now_s  # it is ours to let it go on
            elif now_s - stream.message_since_s > self._limits.stall_s + announced / LEAST_BYTES_PER_S:
                stream.fail(TOO_SLOW)
        elif stream.awaits_request and now_s - stream.message_since_s > self._limits.stall_s:
            stream.fail(TOO_SLOW)
        elif stream.waiting_bytes and now_s - stream.moved_s > self._limits.stall_s:
            stream.reset(ErrorCode.CANCEL)
