"""Ports of one stack: the preferred ones where they are free, each given once."""

from __future__ import annotations

from deploy.server_process import free_port


class Ports:
    """Hands out ports and remembers them."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, preferred: int) -> int:
        """The preferred port if nobody has it (0: any), else a free one."""
        port = free_port(preferred or None, taken=frozenset(self._taken))
        self._taken.add(port)
        return port
