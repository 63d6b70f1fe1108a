"""Ports of one stack: the preferred ones where they are free, each given once."""

from __future__ import annotations

from collections.abc import Mapping

from deploy.port_claims import port_claims
from deploy.server_process import free_port
from features.errors import SettingsError


class Ports:
    """Hands out ports, and holds them against whatever starts at the same time until they are let go.

    A port that ``environ`` asks for is given or refused, never replaced.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._taken: list[int] = []

    def take(self, setting: str, preferred: int) -> int:
        """The preferred port if nobody has it (0: any), else a free one."""
        port = free_port(preferred or None)
        self._taken.append(port)
        if preferred and port != preferred and setting in self._environ:
            raise SettingsError(setting, f"port {preferred} is taken", "name another, or none to have one found")
        return port

    def close(self) -> None:
        """Let the ports go."""
        while self._taken:
            port_claims().let_go(self._taken.pop())
