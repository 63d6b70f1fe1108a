"""Quix Streams: a streaming data frame with the tiles in its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.peers import environments
from deploy.peers.peer import Peer

REQUIREMENTS: Final = Path(__file__).parent / "requirements" / "quix.txt"


class Quix(Peer):
    """Quix Streams, from topic to a sink of its own."""

    name = "Quix Streams, tiles in its state"
    share = 0.06

    def prepare(self, folder: Path) -> None:
        """Its environment."""
        environments.install(self.name, folder, REQUIREMENTS)

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:
        """See `Peer.command`."""
        return (str(environments.python(folder)), "-m", "deploy.peers.quix_frame", str(scratch))

    def environment(self) -> Mapping[str, str]:
        """See `Peer.environment`."""
        return environments.VARIABLES
