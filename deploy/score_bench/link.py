"""What the load generator needs of a protocol: a request goes out now, and one function hears of its end.

A client library costs as much as the servers that are measured, and on one core it would be the limit in their place.
So the bench speaks both protocols itself, as far as a benchmark goes: requests are ready as bytes, answers are framed
and counted, and never read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

Done = Callable[[bool], None]
"""Told once, whether an answer came."""


class Link(Protocol):
    """A way to a server, open."""

    def send(self, request: bytes, done: Done) -> None:
        """Ask, as soon as the connection has room; many may be under way."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class Door(ABC):
    """How to open a link to a server of one protocol."""

    @abstractmethod
    async def open(self, host: str, port: int) -> Link:
        """Connect; OSError where nobody listens."""
