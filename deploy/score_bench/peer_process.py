"""A peer of the scorer's bench, running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.bench_score_setup import World
from deploy.score_peers.peer import MODEL_TEXT, STORE, ScorePeer
from deploy.server_process import Server, answers_tcp
from deploy.stream_bench.worker import import_path


class ScorePeerProcess(Server):
    """Its process, in a folder that holds the model."""

    name = "peer"

    def __init__(self, peer: ScorePeer, kept: Path, world: World) -> None:
        super().__init__(world.folder / kept.name)
        self._peer = peer
        self._kept = kept.resolve()
        self._store = world.store.address
        self._model_text = world.model_text
        self.ready_deadline_s = peer.ready_deadline_s

    def prepare(self) -> None:
        """See `Server.prepare`."""
        (self.folder / MODEL_TEXT).write_text(self._model_text)

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return self._peer.command(self._kept, self.folder, self.port)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return {"PYTHONPATH": import_path(), STORE: self._store, **self._peer.environment(self.folder)}

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        return answers_tcp(self.port)
