"""Ports that this process holds against all others of its user, from when they are chosen until it ends or lets go.

A server that has yet to start, or is down between two starts, does not show in the list of open ports.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from functools import cache
from pathlib import Path


class PortClaims:
    """One byte of a file for each port, locked: the kernel lets go of all that a process holds when it ends.

    Such locks are the process's and not the object's, so that a process has one of these: `port_claims`.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._held: set[int] = set()
        self._choosing = threading.Lock()

    def claim(self, port: int) -> bool:
        """Whether the port is ours alone from now on; not when it has been ours already."""
        with self._choosing:
            if port in self._held:
                return False
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            except (BlockingIOError, PermissionError):  # POSIX leaves to the system which of the two
                return False
            self._held.add(port)
            return True

    def let_go(self, port: int) -> None:
        """Leave the port to others."""
        with self._choosing:
            self._held.discard(port)
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, port)


@cache
def port_claims() -> PortClaims:
    """Those of this process."""
    return PortClaims(Path(tempfile.gettempdir()) / f"millstream-{os.getuid()}-ports.lock")
