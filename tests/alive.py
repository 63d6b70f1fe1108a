"""Whether a process lives; one that has ended and was not reaped yet does not."""

from __future__ import annotations

import psutil


def is_alive(pid: int) -> bool:
    """Whether this process is there and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
