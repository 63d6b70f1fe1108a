"""The windows of the stream's bench as a user of any Python framework writes them: tiles in lists, a pipeline to Redis.

It needs the standard library and redis alone, because some peers run in environments of their own and import it from
there. What it computes, and how it begins, is said in `deploy.peers.peer`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from datetime import datetime
from math import inf
from typing import Any, Final

import redis
import redis.asyncio

DONE_KEY: Final = "peer:done"
SECOND_US: Final = 1_000_000
WINDOWS_US: Final = {  # name to length and hop
    "hour": (3_600 * SECOND_US, 300 * SECOND_US),
    "day": (86_400 * SECOND_US, 3_600 * SECOND_US),
    "week": (604_800 * SECOND_US, 21_600 * SECOND_US),
}
FIELDS: Final = tuple(f"{function}_{name}" for name in WINDOWS_US for function in ("count", "sum", "min", "max"))
PAST_AMOUNT: Final = 1.0

to_bytes: Final = struct.Struct("<d").pack


class Window:
    """One window of one account: its tiles in a ring, a column for each function, the newest tile's index beside."""

    __slots__ = ("_counts", "_highs", "_hop_us", "_lows", "_newest", "_size", "_sums")

    def __init__(self, length_us: int, hop_us: int, first_at_us: int) -> None:
        self._hop_us = hop_us
        self._size = size = length_us // hop_us + 1
        self._counts, self._sums = [1] * size, [PAST_AMOUNT] * size
        self._lows, self._highs = [PAST_AMOUNT] * size, [PAST_AMOUNT] * size
        self._newest = first_at_us // hop_us - 1
        self._advance((first_at_us + 1) // hop_us)

    def add(self, at_us: int, amount: float) -> None:
        """Put an event into its tile; one older than the window changes nothing."""
        seen = (at_us + 1) // self._hop_us  # results are as of just after the event
        if seen > self._newest:
            self._advance(seen)
        index = at_us // self._hop_us
        if index <= self._newest - self._size:
            return
        slot = index % self._size
        self._counts[slot] += 1
        self._sums[slot] += amount
        if amount < self._lows[slot]:
            self._lows[slot] = amount
        if amount > self._highs[slot]:
            self._highs[slot] = amount

    def results(self) -> tuple[float, float, float, float]:
        """Count, sum, least and greatest over all tiles."""
        return float(sum(self._counts)), sum(self._sums), min(self._lows), max(self._highs)

    def _advance(self, newest: int) -> None:
        for index in range(max(self._newest + 1, newest - self._size + 1), newest + 1):
            slot = index % self._size
            self._counts[slot], self._sums[slot] = 0, 0.0
            self._lows[slot], self._highs[slot] = inf, -inf
        self._newest = newest


class Account:
    """All windows of one account, as of just after its newest event."""

    __slots__ = ("_windows", "newest_us")

    def __init__(self, first_at_us: int) -> None:
        self.newest_us = first_at_us
        self._windows = [Window(length, hop, first_at_us) for length, hop in WINDOWS_US.values()]

    def add(self, at_us: int, amount: float) -> None:
        """Fold an event."""
        if at_us > self.newest_us:
            self.newest_us = at_us
        for window in self._windows:
            window.add(at_us, amount)

    def results(self) -> list[float]:
        """The twelve results, in the order of `FIELDS`."""
        return [result for window in self._windows for result in window.results()]


class Tiles:
    """All accounts, and which of them have changed since they were written."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._changed: dict[str, Account] = {}
        self._n_events = 0

    def add(self, account_id: str, at_us: int, amount: float) -> None:
        """Fold an event; an account that is met for the first time starts with full tiles."""
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = Account(at_us)
        account.add(at_us, amount)
        self._changed[account_id] = account
        self._n_events += 1

    def results(self, account_id: str) -> list[float]:
        """What is written for an account."""
        return self._accounts[account_id].results()

    def write(self, store: redis.Redis) -> None:
        """Write what has changed in one pipeline."""
        if self._n_events:
            pipeline = store.pipeline(transaction=False)
            self.put(pipeline)
            pipeline.execute()

    def put(self, pipeline: Any) -> None:
        """Give a pipeline, of either kind of client, every changed account and how many events that was."""
        for account_id, account in self._changed.items():
            pipeline.hset(to_key(account_id), mapping=to_hash(account.results(), account.newest_us))
        pipeline.incrby(DONE_KEY, self._n_events)
        self._changed.clear()
        self._n_events = 0


def to_hash(results: list[float], newest_us: int) -> Mapping[Any, Any]:
    """What stands in the store for an account."""
    return {**dict(zip(FIELDS, map(to_bytes, results), strict=True)), "t": newest_us}


def to_key(account_id: str) -> str:
    """Key of an account's hash."""
    return f"peer:{account_id}"


def to_us(spent_at: str) -> int:
    """Microseconds of an instant with an offset, as the topic holds it."""
    return round(datetime.fromisoformat(spent_at).timestamp() * 1e6)


def open_store() -> redis.Redis:
    """The store that the bench names."""
    return redis.Redis(*store_address())


def open_async_store() -> redis.asyncio.Redis:
    """The same for an event loop."""
    host, port = store_address()
    return redis.asyncio.Redis(host=host, port=port)


def store_address() -> tuple[str, int]:
    """Host and port of the store that the bench names."""
    host, _, port = os.environ["PEER_STORE"].partition(":")
    return host, int(port)
