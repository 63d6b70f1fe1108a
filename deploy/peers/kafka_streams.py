"""Kafka Streams: hand-written tiles in its Processor API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.peers import maven
from deploy.peers.peer import Peer


class KafkaStreams(Peer):
    """Kafka Streams, the one to beat."""

    name = "Kafka Streams, hand-written tiles"

    def prepare(self, folder: Path) -> None:
        """Compile it."""
        maven.build(self.name, folder, "kafka-streams.xml")

    def command(self, folder: Path, scratch: Path) -> Sequence[str]:
        """See `Peer.command`."""
        return maven.java(folder, scratch, "millstream.peers.streams.Main", str(scratch))
