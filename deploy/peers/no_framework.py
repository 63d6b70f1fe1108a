"""The limit of Python: a loop over a Kafka client, tiles in a dict, a pipeline to Redis, and nothing that recovers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer

from deploy.peers.peer import Peer
from deploy.peers.spending import decode, named_source
from deploy.peers.tiles import Tiles, open_store

BATCH: Final = 2_000
WAIT_S: Final = 0.005


class NoFramework(Peer):
    """confluent-kafka in a loop."""

    name = "no framework (confluent-kafka, dict of tiles, pipeline)"
    share = 0.3
    one_account_share = 1.0

    def prepare(self, folder: Path) -> None:
        """Nothing: it runs in our environment."""

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `Peer.command`."""
        return (sys.executable, "-m", __name__)


def main() -> None:
    """Read for ever."""
    source, store, tiles = named_source(), open_store(), Tiles()
    consumer = Consumer(
        {
            "bootstrap.servers": source.broker,
            "group.id": f"no-framework-{source.topic}",  # a group of its own waits for no member that is gone
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 1,
        }
    )
    consumer.subscribe([source.topic])
    while True:
        for message in consumer.consume(BATCH, WAIT_S):
            value = message.value()
            if value is not None and message.error() is None:
                event = decode(value)
                tiles.add(event.account_id, event.at_us, event.amount)
        tiles.write(store)


if __name__ == "__main__":
    main()
