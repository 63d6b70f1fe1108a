"""Ports of one stack: the preferred ones where they are free, each given once."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from deploy.server_process import free_port
from features.errors import SettingsError


class Ports:
    """Hands out ports, and holds them against stacks that start at the same time, until the process ends.

    A port that ``environ`` asks for is given or refused, never replaced.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._taken: set[int] = set()
        self._claims: list[IO[bytes]] = []

    def take(self, setting: str, preferred: int) -> int:
        """The preferred port if nobody has it (0: any), else a free one."""
        port = free_port(preferred or None, taken=frozenset(self._taken))
        while not self._claim(port):
            port = free_port(taken=frozenset(self._taken))
        if preferred and port != preferred and setting in self._environ:
            raise SettingsError(setting, f"port {preferred} is taken", "name another, or none to have one found")
        return port

    def _claim(self, port: int) -> bool:
        """Whether the port is ours: a server that has yet to start does not show in the list of open ports."""
        self._taken.add(port)
        file = (Path(tempfile.gettempdir()) / f"millstream-{os.getuid()}-port-{port}.lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._claims.append(file)
        return True

    def close(self) -> None:
        """Let the ports go."""
        for file in self._claims:
            file.close()
        self._claims.clear()
