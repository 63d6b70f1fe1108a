"""The servers of the in-memory store: n shards that can crash, forget their last writes, or be flushed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import chain

from features.feast_layout import witness_key
from features.shard_records import (
    common_certificate,
    least_progress,
    to_certificate,
    to_progress,
    witnessed,
)
from features.store import Certificate, ProgressKey

Hash = dict[bytes, bytes]
CERTIFICATE, PROGRESS = b"certificate:", b"progress:"
PROJECT = "memory"


class MemoryShard:
    """One server: hashes, and a journal of what each write replaced."""

    def __init__(self) -> None:
        self.hashes: dict[bytes, Hash] = {}
        self._journal: list[tuple[bytes, dict[bytes, bytes | None]]] = []

    @property
    def n_writes(self) -> int:
        """How many writes can be forgotten."""
        return len(self._journal)

    def hash(self, key: bytes) -> Hash:
        """The hash of that key, empty where there is none."""
        return self.hashes.get(key, {})

    def write(self, key: bytes, fields: Mapping[bytes, bytes | None]) -> None:
        """Set fields, or delete those given as None, as one write."""
        stored = self.hashes.setdefault(key, {})
        self._journal.append((key, {field: stored.get(field) for field in fields}))
        _update(stored, fields)

    def forget(self, n_writes: int) -> None:
        """Undo the last writes; ValueError when there were fewer."""
        if n_writes > len(self._journal):
            raise ValueError(f"the shard has {len(self._journal)} writes, {n_writes} were to be forgotten")
        for _ in range(n_writes):
            key, before = self._journal.pop()
            _update(self.hashes[key], before)

    def certificate(self) -> Certificate:
        """What of the certificate stands."""
        certificate = to_certificate(self.hash(CERTIFICATE))
        fields = (self.hash(witness_key(PROJECT, birth.join_keys)) for birth in certificate.births)
        return witnessed(certificate, set(chain.from_iterable(fields)))

    def flush(self) -> None:
        """Lose everything."""
        self.hashes.clear()
        self._journal.clear()


class MemoryShards:
    """The servers that hold the store, each with the keys that hash to it."""

    def __init__(self, n_shards: int = 1) -> None:
        self.shards = tuple(MemoryShard() for _ in range(n_shards))
        self.generation = 0
        self.up = True

    def of(self, key: bytes) -> MemoryShard:
        """The shard that holds this key."""
        return self.shards[zlib.crc32(key) % len(self.shards)]

    def forget(self, shard: int, n_writes: int) -> None:
        """Crash one shard: its last writes are gone, and with them every client's connections."""
        self.shards[shard].forget(n_writes)
        self.generation += 1

    def flush(self) -> None:
        """Lose everything everywhere, connections aside (FLUSHALL)."""
        for shard in self.shards:
            shard.flush()

    def stop(self) -> None:
        """Be down until `start`."""
        self.up = False
        self.generation += 1

    def start(self) -> None:
        """Be up again, with all that was written."""
        self.up = True

    def certificate(self) -> Certificate:
        """What every shard carries."""
        return common_certificate([shard.certificate() for shard in self.shards])

    def progress(self) -> dict[ProgressKey, int]:
        """Least over the shards."""
        return least_progress([to_progress(shard.hash(PROGRESS)) for shard in self.shards])


def _update(stored: Hash, fields: Mapping[bytes, bytes | None]) -> None:
    """Set fields, deleting those given as None."""
    for field, value in fields.items():
        if value is None:
            stored.pop(field, None)
        else:
            stored[field] = value
