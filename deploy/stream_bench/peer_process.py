"""A peer of the bench, running: what it says in the store."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import redis

from deploy.peers.peer import BROKER, DONE_KEY, STORE, TOPIC, Peer
from deploy.server_process import Server
from deploy.stream_bench.site import BenchSite
from deploy.stream_bench.worker import import_path


class PeerProcess(Server):
    """Its process; it listens nowhere, and is ready once it runs."""

    name = "peer"
    listens = False

    def __init__(self, peer: Peer, kept: Path, folder: Path, variables: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._peer = peer
        self._kept = kept
        self._variables = variables

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return self._peer.command(self._kept, self.folder)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return {"PYTHONPATH": import_path(), **self._variables, **self._peer.environment()}

    def is_ready(self) -> bool:
        """It runs: how far it is, the store tells."""
        return self.is_running


class RunningPeer:
    """A contestant: see `deploy.peers.peer` for what stands where."""

    def __init__(self, site: BenchSite, peer: Peer, topic: str, kept: Path) -> None:
        variables = {BROKER: site.kafka.bootstrap_servers, TOPIC: topic, STORE: site.redis.address}
        self.process = PeerProcess(peer, kept, site.folder / topic, variables)
        self.started_s = time.perf_counter()
        self.first_write_s = peer.ready_deadline_s
        self.readers: Mapping[str, int] = {}
        self._store: redis.Redis = site.client

    def done(self) -> int:
        """See `Contestant.done`."""
        return int(self._store.get(DONE_KEY) or 0)

    def newest_us(self, account_id: str) -> int:
        """See `Contestant.newest_us`."""
        return int(self._store.hget(f"peer:{account_id}", "t") or 0)
