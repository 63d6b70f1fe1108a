"""The dataflow of the peer `deploy.peers.bytewax`, which runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main

from deploy.peers.spending import decode, named_source
from deploy.peers.tiles import DONE_KEY, Account, open_store, to_hash, to_key

BATCH: Final = 1_000
EPOCH: Final = timedelta(seconds=10)


class Tiles(StatefulBatchLogic):  # type: ignore[misc]  # not installed where types are checked
    """The tiles of one account."""

    def __init__(self, resumed: Account | None) -> None:
        self._account = resumed

    def on_batch(self, values: list[tuple[int, float]]) -> tuple[Iterable[tuple[Account, int]], bool]:
        """Fold the account's events of one batch."""
        account = self._account
        if account is None:
            account = self._account = Account(values[0][0])
        for at_us, amount in values:
            account.add(at_us, amount)
        return [(account, len(values))], StatefulBatchLogic.RETAIN

    def snapshot(self) -> Account | None:
        """What recovery would keep."""
        return self._account


class RedisPartition(StatelessSinkPartition):  # type: ignore[misc]
    """One pipeline for each batch that comes out."""

    def __init__(self) -> None:
        self._store = open_store()

    def write_batch(self, items: list[tuple[str, tuple[Account, int]]]) -> None:
        """Write each account once."""
        pipeline = self._store.pipeline(transaction=False)
        for account_id, account in {account_id: account for account_id, (account, _) in items}.items():
            pipeline.hset(to_key(account_id), mapping=to_hash(account.results(), account.newest_us))
        pipeline.incrby(DONE_KEY, sum(n_events for _, (_, n_events) in items))
        pipeline.execute()


class RedisSink(DynamicSink):  # type: ignore[misc]
    """The store."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> RedisPartition:  # noqa: ARG002 - of Bytewax
        """See `DynamicSink.build`."""
        return RedisPartition()


def keyed(messages: list[KafkaSourceMessage]) -> Iterable[tuple[str, tuple[int, float]]]:
    """Decode a batch."""
    events = [decode(message.value) for message in messages]
    return [(event.account_id, (event.at_us, event.amount)) for event in events]


def build_flow() -> Dataflow:
    """Kafka to tiles to Redis."""
    source = named_source()
    flow = Dataflow("peer")
    config = {"fetch.queue.backoff.ms": "1"}
    events = op.input("events", flow, KafkaSource([source.broker], [source.topic], batch_size=BATCH, add_config=config))
    spendings: Any = op.flat_map_batch("decode", events, keyed)
    op.output("redis", op.stateful_batch("tiles", spendings, Tiles), RedisSink())
    return flow


if __name__ == "__main__":
    cluster_main(build_flow(), [], 0, epoch_interval=EPOCH)
