"""What the bench sees of whatever it measures: how far it has come, and what can be read of an account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from deploy.server_process import Server


class Contestant(Protocol):
    """Our worker, or a peer, running."""

    @property
    def process(self) -> Server:
        """The process that works."""
        ...

    @property
    def started_s(self) -> float:
        """When it was started, by the performance counter."""
        ...

    @property
    def first_write_s(self) -> float:
        """How long it may take to its first write."""
        ...

    @property
    def readers(self) -> Mapping[str, int]:
        """Processes beside it that answer `newest_us`, by name."""
        ...

    def done(self) -> int:
        """Events that are in the store."""
        ...

    def newest_us(self, account_id: str) -> int:
        """Event time of the newest event of an account that can be read; 0 where there is none."""
        ...
