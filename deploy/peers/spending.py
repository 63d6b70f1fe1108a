"""An event of the stream's bench, for the peers in Python, whether or not they run in an environment of their own."""

from __future__ import annotations

import os
from datetime import datetime
from typing import NamedTuple

import msgspec

from deploy.peers.peer import BROKER, TOPIC


class Spending(msgspec.Struct, frozen=True, gc=False):
    """One value of the topic."""

    account_id: str
    spent_at: datetime
    amount: float

    @property
    def at_us(self) -> int:
        """Event time in microseconds."""
        return round(self.spent_at.timestamp() * 1e6)


class Source(NamedTuple):
    """Where the events come from."""

    broker: str
    topic: str


decode = msgspec.json.Decoder(Spending).decode


def named_source() -> Source:
    """The topic that the bench names."""
    return Source(os.environ[BROKER], os.environ[TOPIC])
