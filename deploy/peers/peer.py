"""What a peer of the stream's bench is: a program of another framework that does the worker's task.

It reads the topic ``PEER_TOPIC`` from its earliest offsets at the broker ``PEER_BROKER``, JSON values
``{"account_id", "spent_at", "amount"}``, and keeps per account the windows of `deploy.bench_stream_traffic`: count,
sum, min and max over an hour, a day and a week, in tiles of 5 minutes, 1 hour and 6 hours. An account that it meets
for the first time starts with full tiles: one event of amount 1.00 in every tile before the first event's own, as if
its state had been read from the store. For every account of a batch it writes, to the store at ``PEER_STORE``
(``host:port``), the hash ``peer:<account_id>`` with the twelve results as little-endian doubles, in fields named as
the plan's features, and ``t``: the newest event time in microseconds, as decimal text. In the same pipeline, after
the writes of ``n`` events, it runs ``INCRBY peer:done n``; the bench reads the speed from that counter and the
freshness from ``t``. It runs until it is stopped, and may coalesce as its users would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

DONE_KEY = "peer:done"
BROKER, TOPIC, STORE = "PEER_BROKER", "PEER_TOPIC", "PEER_STORE"


class Peer(ABC):
    """One peer: how to make it ready and how to start it."""

    name: ClassVar[str]
    """As it stands in the tables."""
    share: ClassVar[float] = 1.0
    """How much of the bench's events it is given; below one for what would take minutes."""
    one_account_share: ClassVar[float | None] = None
    """The same where one account has every event, which who writes an account once a batch is much faster at."""
    ready_deadline_s: ClassVar[float] = 60.0
    """How long it may take from its start to its first write."""

    def share_of(self, traffic: str) -> float:
        """Its share of the events of one kind of traffic."""
        return self.one_account_share if traffic == "single_key" and self.one_account_share else self.share

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Install or build it below a folder that is kept between runs; UnavailableError says what is missing."""

    @abstractmethod
    def command(self, folder: Path, scratch: Path) -> Sequence[str]:
        """Program and arguments; ``scratch`` is this run's own."""

    def environment(self) -> Mapping[str, str]:
        """Variables beside the three that every peer is given."""
        return {}
