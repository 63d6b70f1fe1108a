"""The application of the peer `deploy.peers.quix`, which runs in an environment of its own."""

from __future__ import annotations

import sys
from array import array
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch

from deploy.peers.packed_tiles import fold, new_account, newest_us, results
from deploy.peers.spending import decode, named_source
from deploy.peers.tiles import DONE_KEY, open_store, to_hash, to_key

COMMIT_S: Final = 0.03
POLL_S: Final = 0.01


class RedisSink(BatchingSink):  # type: ignore[misc]  # not installed where types are checked
    """One pipeline for each partition at each commit, with every account once."""

    def setup(self) -> None:
        """Connect."""
        self._store = open_store()

    def write(self, batch: SinkBatch) -> None:
        """See `BatchingSink.write`."""
        changed: dict[str, array[float]] = dict(item.value for item in batch)
        pipeline = self._store.pipeline(transaction=False)
        for account_id, cells in changed.items():
            pipeline.hset(to_key(account_id), mapping=to_hash(results(cells), newest_us(cells)))
        pipeline.incrby(DONE_KEY, batch.size)
        pipeline.execute()


def spend(value: bytes, state: State) -> tuple[str, array[float]]:
    """Fold an event into its account's tiles."""
    event = decode(value)
    held = state.get_bytes(event.account_id)
    cells = new_account(event.at_us) if held is None else array("d", held)
    fold(cells, event.at_us, event.amount)
    state.set_bytes(event.account_id, cells.tobytes())
    return event.account_id, cells


def build_application(folder: Path) -> Any:
    """Topic to tiles to Redis; the topic has no keys, so the accounts of a partition share its state."""
    source = named_source()
    application = Application(
        broker_address=source.broker,
        consumer_group=f"peer-{uuid4()}",
        auto_offset_reset="earliest",
        state_dir=folder,
        commit_interval=COMMIT_S,
        consumer_poll_timeout=POLL_S,
        consumer_extra_config={"fetch.queue.backoff.ms": 1},
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="WARNING",
    )
    topic = application.topic(source.topic, key_deserializer="bytes", value_deserializer="bytes")
    application.dataframe(topic).apply(spend, stateful=True).sink(RedisSink())
    return application


if __name__ == "__main__":
    build_application(Path(sys.argv[1])).run()
