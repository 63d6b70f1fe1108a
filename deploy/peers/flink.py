"""Flink: hand-written tiles in a keyed process function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.peers import maven
from deploy.peers.peer import Peer


class Flink(Peer):
    """Flink in a mini-cluster of one slot."""

    name = "Flink, hand-written tiles"
    ready_deadline_s = 90.0

    def prepare(self, folder: Path) -> None:
        """Compile it."""
        maven.build(self.name, folder, "flink.xml")

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:
        """See `Peer.command`."""
        return maven.java(folder, scratch, "millstream.peers.flink.Main")
