"""Feast as a sink: tiles in a dict, as Feast computes no window of a stream, and `push` of each batch's results."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.peers.peer import DONE_KEY, STORE, Peer

BATCH: Final = 2_000
WAIT_S: Final = 0.05
PUSH_SOURCE: Final = "spending"


class FeastPush(Peer):
    """confluent-kafka in a loop, and Feast's `push`."""

    name = "Feast push (confluent-kafka, dict of tiles)"
    share = 0.04
    one_account_share = 1.0
    ready_deadline_s = 120.0

    def prepare(self, folder: Path) -> None:
        """Nothing: it runs in our environment."""

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `Peer.command`."""
        return (sys.executable, "-m", __name__, str(scratch))

    def environment(self) -> dict[str, str]:
        """See `Peer.environment`."""
        return {"FEAST_USAGE": "False"}


def open_feast(folder: Path) -> Any:
    """A feature store with one push source, declared as its documentation does."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig, ValueType
    from feast.types import Float64

    from deploy.peers.tiles import FIELDS

    feast = FeatureStore(
        config=RepoConfig(
            project="peer",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "redis", "connection_string": os.environ[STORE]},
            offline_store={"type": "dask"},
            entity_key_serialization_version=3,
        )
    )
    account = Entity(name="account", join_keys=["account_id"], value_type=ValueType.STRING)
    batch = FileSource(name="past", path=str(folder / "past.parquet"), timestamp_field="spent_at")
    source = PushSource(name=PUSH_SOURCE, batch_source=batch)
    view = FeatureView(
        name="spend", entities=[account], schema=[Field(name=name, dtype=Float64) for name in FIELDS], source=source
    )
    feast.apply([account, source, view])
    return feast


def main(folder: Path) -> None:
    """Read for ever."""
    import pandas as pd
    from confluent_kafka import Consumer
    from feast.data_source import PushMode

    from deploy.peers.spending import decode, named_source
    from deploy.peers.tiles import FIELDS, Tiles, open_store, to_key

    os.chdir(folder)
    feast, source, store, tiles = open_feast(folder), named_source(), open_store(), Tiles()
    consumer = Consumer(
        {"bootstrap.servers": source.broker, "group.id": f"feast-push-{source.topic}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([source.topic])
    while True:
        newest_us: dict[str, int] = {}
        messages = [message for message in consumer.consume(BATCH, WAIT_S) if message.error() is None]
        for event in (decode(message.value() or b"") for message in messages):
            tiles.add(event.account_id, event.at_us, event.amount)
            newest_us[event.account_id] = event.at_us
        if not messages:
            continue
        rows = pd.DataFrame([tiles.results(account) for account in newest_us], columns=list(FIELDS))
        rows.insert(0, "account_id", list(newest_us))
        rows["spent_at"] = [datetime.fromtimestamp(at_us / 1e6, UTC) for at_us in newest_us.values()]
        feast.push(PUSH_SOURCE, rows, to=PushMode.ONLINE)
        pipeline = store.pipeline(transaction=False)  # the bench looks for these two, Feast's users would not
        for account, at_us in newest_us.items():
            pipeline.hset(to_key(account), "t", at_us)
        pipeline.incrby(DONE_KEY, len(messages))
        pipeline.execute()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
