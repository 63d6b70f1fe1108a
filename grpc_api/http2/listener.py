"""The sockets that a scorer listens on: one of its own, or one of several that share a port."""

from __future__ import annotations

import socket
from typing import Final

from features.taken_port import cannot_listen

BACKLOG: Final = 1_024
PORT: Final = "MILLSTREAM_SCORER__PORT"
REST_PORT: Final = "MILLSTREAM_SCORER__REST_PORT"
METRICS_PORT: Final = "MILLSTREAM_SCORER__METRICS_PORT"
"""Settings that name a port, for who is told that it is taken."""


def open_listener(host: str, port: int, setting: str = PORT) -> socket.socket:
    """A socket on a port that nobody else listens on; port 0 takes a free one. SettingsError when it is taken."""
    return _listening(_bound(host, port, setting, shared=False), host, port, setting)


def claim_port(host: str, port: int, setting: str = PORT) -> socket.socket:
    """Hold a port for processes that will share it, and for nobody else, as long as the socket is open.

    It is bound as if alone, so that it fails where any other scorer listens, and allows sharing only then; whoever
    comes later fails at the same step. Connections go to sockets that listen, which this one never does.
    """
    claim = _bound(host, port, setting, shared=False)
    claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # else another such claim would succeed beside it
    claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return claim


def open_shared_listener(host: str, port: int, setting: str = PORT) -> socket.socket:
    """One of the sockets that share a claimed port; the kernel spreads connections over them."""
    return _listening(_bound(host, port, setting, shared=True), host, port, setting)


def port_of(listener: socket.socket) -> int:
    """Where a socket is bound."""
    return int(listener.getsockname()[1])


def _bound(host: str, port: int, setting: str, *, shared: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise cannot_listen(setting, host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise cannot_listen(setting, host, port, error) from error
    listener.setblocking(False)
    return listener


def _listening(listener: socket.socket, host: str, port: int, setting: str) -> socket.socket:
    try:
        listener.listen(BACKLOG)
    except OSError as error:  # two were bound at one moment: the first to listen has it
        listener.close()
        raise cannot_listen(setting, host, port, error) from error
    return listener
