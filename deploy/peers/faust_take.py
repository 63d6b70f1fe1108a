"""Faust as a good user builds it: `take`, a dict of tiles, one pipeline a batch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deploy.peers.peer import Peer

BATCH: Final = 1_000
WITHIN_S: Final = 0.01


class FaustTake(Peer):
    """Faust with `take`."""

    name = "Faust, take and a dict of tiles"
    share = 0.05

    def prepare(self, folder: Path) -> None:
        """Nothing: it runs in our environment."""

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `Peer.command`."""
        return (sys.executable, "-m", __name__, str(scratch))


def main(folder: Path) -> None:
    """Read for ever."""
    from deploy.peers.faust_app import open_app, run_app
    from deploy.peers.spending import decode, named_source
    from deploy.peers.tiles import Tiles, open_async_store

    source, store, tiles = named_source(), open_async_store(), Tiles()
    app = open_app(f"faust-take-{source.topic}", source.broker, folder)

    async def take(stream: Any) -> None:
        async for values in stream.take(BATCH, within=WITHIN_S):
            for event in map(decode, values):
                tiles.add(event.account_id, event.at_us, event.amount)
            pipeline = store.pipeline(transaction=False)
            tiles.put(pipeline)
            await pipeline.execute()

    app.agent(app.topic(source.topic))(take)
    run_app(app, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
