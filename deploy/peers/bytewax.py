"""Bytewax: a dataflow with the tiles in its `stateful_batch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.peers import environments
from deploy.peers.peer import Peer

REQUIREMENTS: Final = Path(__file__).parent / "requirements" / "bytewax.txt"


class Bytewax(Peer):
    """Bytewax, from Kafka source to a sink of its own."""

    name = "Bytewax, tiles in stateful_batch"
    share = 0.15

    def prepare(self, folder: Path) -> None:
        """Its environment."""
        environments.install(self.name, folder, REQUIREMENTS)

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `Peer.command`."""
        return (str(environments.python(folder)), "-m", "deploy.peers.bytewax_flow")

    def environment(self) -> Mapping[str, str]:
        """See `Peer.environment`."""
        return environments.VARIABLES
