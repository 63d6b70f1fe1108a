"""Faust with its own windows: a hopping table for each of ours, each event folded into every window that overlaps it.

Its windows are whole, not tiles, so one that is met for the first time begins as if each of its hops held the one
event of the past. They go by the time of the record, as Faust's do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from deploy.peers.peer import DONE_KEY, Peer

PARTITIONS: Final = 4
Accumulator = list[float]


class FaustTables(Peer):
    """Faust with hopping tables."""

    name = "Faust, hopping tables"
    share = 0.001

    def prepare(self, folder: Path) -> None:
        """Nothing: it runs in our environment."""

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `Peer.command`."""
        return (sys.executable, "-m", __name__, str(scratch))


def fold(window: Accumulator, amount: float) -> Accumulator:
    """Count, sum, least and greatest with one event more."""
    n, total, low, high = window
    return [n + 1, total + amount, min(low, amount), max(high, amount)]


def full(n_hops: int) -> Accumulator:
    """A window with one event of the past in each of its hops."""
    from deploy.peers.tiles import PAST_AMOUNT

    return [n_hops, n_hops * PAST_AMOUNT, PAST_AMOUNT, PAST_AMOUNT]


def main(folder: Path) -> None:
    """Read for ever."""
    from deploy.peers.faust_app import open_app, run_app
    from deploy.peers.spending import decode, named_source
    from deploy.peers.tiles import SECOND_US, WINDOWS_US, open_async_store, to_hash, to_key
    from streams.logs import KafkaLogs

    source, store = named_source(), open_async_store()
    name = f"faust-tables-{source.topic}"
    # made beforehand: Faust starts before the broker shows the topics that it declares, finds no partitions, and ends
    KafkaLogs(source.broker).create([f"{name}-spending-{window}-changelog" for window in WINDOWS_US], PARTITIONS)
    app = open_app(name, source.broker, folder, store="memory://")
    tables = [
        app.Table(f"spending-{window}", default=partial(full, length // hop), partitions=PARTITIONS).hopping(
            length / SECOND_US, hop / SECOND_US, expires=length / SECOND_US
        )
        for window, (length, hop) in WINDOWS_US.items()
    ]

    async def take(stream: Any) -> None:
        async for event in stream.events():
            spending = decode(event.value)
            windows = [table[spending.account_id] for table in tables]
            for each in windows:
                each.apply(fold, spending.amount, event)
            results = list(chain.from_iterable(each.current(event) for each in windows))
            pipeline = store.pipeline(transaction=False)
            pipeline.hset(to_key(spending.account_id), mapping=to_hash(results, spending.at_us))
            pipeline.incrby(DONE_KEY, 1)
            await pipeline.execute()

    app.agent(app.topic(source.topic))(take)
    run_app(app, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
