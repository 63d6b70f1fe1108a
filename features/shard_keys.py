"""The keys that each shard of the store has for itself: certificate, progress, and the witnesses of its births."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from features.errors import DomainError
from features.feast_layout import certificate_key, progress_key, witness_key
from features.redis_topology import Shard
from features.store import Certificate

MAX_TAGS = 1 << 18
"""Sixteen times as many as it takes, on average, to find one for a shard of a single slot."""


class ShardKeys:
    """Keys of one shard.

    In a cluster they carry the name of the shard's slots and a number that makes them lie there. So a shard that has
    lost or gained slots has no certificate: what it holds is no longer what was certified.

    Parameters
    ----------
    project
        Name of the Feast project.
    shard
        Where they must lie.

    """

    def __init__(self, project: str, shard: Shard) -> None:
        self._project = project
        self._shard = shard
        tag = self._tag(lambda tag: certificate_key(project, tag))
        self.certificate = certificate_key(project, tag)
        self.progress = progress_key(project, tag)
        self.witness = lru_cache(maxsize=64)(self._witness)

    def witnesses(self, certificate: Certificate) -> list[bytes]:
        """Keys of the hashes whose fields witness that the shard still has the entities of its births."""
        return sorted({self.witness(birth.join_keys) for birth in certificate.births})

    @property
    def of_any_layout(self) -> tuple[bytes, ...]:
        """Patterns of certificates and progress of whatever slots; none where the shard is the only one."""
        if not self._shard.slots:
            return ()
        return tuple(key(self._project, b"*") for key in (certificate_key, progress_key))

    def _witness(self, join_keys: Sequence[str]) -> bytes:
        tag = self._tag(lambda tag: witness_key(self._project, join_keys, tag))
        return witness_key(self._project, join_keys, tag)

    def _tag(self, make_key: Callable[[bytes], bytes]) -> bytes:
        """The first tag with which that key lies on the shard; empty where it is the only one."""
        layout = self._shard.layout
        if not layout:
            return b""
        for n in range(MAX_TAGS):
            tag = b"%b.%d" % (layout, n)
            if self._shard.holds(make_key(tag)):
                return tag
        raise DomainError(
            "join keys", f"have braces that put {make_key(b'')!r} on one shard whatever follows", "rename them"
        )
