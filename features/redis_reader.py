"""The online store in Redis or Valkey, asked by who may block.

Each object has sockets of its own. A connection that turns out dead fails the call, and the next call
makes all of them anew: the server behind one may have come back empty, so look at the certificate in between.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import hiredis

from features.errors import StoreUnavailableError
from features.redis_replies import to_hash
from features.redis_socket import RedisSocket, succeeded
from features.redis_topology import SLOTS, Shard, Topology, find_topology, in_order, must_be_master, must_be_unmoved
from features.redis_words import around_key
from features.settings import StoreSettings
from features.shard_keys import ShardKeys
from features.shard_records import common_certificate, to_certificate, witnessed
from features.store import Certificate


class RedisReader:
    """A reader that connects with the first call.

    Parameters
    ----------
    project
        Name of the Feast project.
    settings
        Where the server, the cluster or the Sentinels are; every call ends within ``timeout_s``.

    """

    def __init__(self, project: str, settings: StoreSettings) -> None:
        self._project = project
        self._settings = settings
        self._connections: _Connections | None = None

    def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """For each key, the values of these hash fields, in one round trip."""
        if not keys or not fields:
            return [[] for _ in keys]
        head, tail = around_key(b"HMGET", tuple(fields))
        commands = [b"%b$%d\r\n%b%b" % (head, len(key), key, tail) for key in keys]
        split = self._topology().split(keys)
        replies = self._ask({at: [commands[i] for i in indexes] for at, indexes in split.items()})
        return in_order(split.values(), replies) if len(replies) > 1 else replies[0]

    def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries; ShardMovedError where the shards are others by now."""
        topology = self._topology()
        if topology.is_cluster:
            ((slots,),) = self._ask({0: [_pack(*SLOTS)]})
            self._check(topology, slots)
        assert self._connections is not None
        keys = self._connections.keys
        replies = self._ask({at: [_pack(b"HGETALL", shard.certificate)] for at, shard in enumerate(keys)})
        certificates = [to_certificate(to_hash(reply)) for (reply,) in replies]
        witnesses = [shard.witnesses(certificate) for shard, certificate in zip(keys, certificates, strict=True)]
        fields = self._ask({at: [_pack(b"HKEYS", key) for key in shard] for at, shard in enumerate(witnesses)})
        return common_certificate(
            [
                witnessed(certificate, set(chain.from_iterable(found)))
                for certificate, found in zip(certificates, fields, strict=True)
            ]
        )

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.close()

    def _check(self, topology: Topology, slots_reply: Sequence[Any]) -> None:
        try:
            must_be_unmoved(topology, slots_reply)
        except StoreUnavailableError:
            self.close()
            raise

    def _topology(self) -> Topology:
        """Where keys lie, connected if need be."""
        if self._connections is None:
            self._connections = _Connections(self._project, self._settings)
        return self._connections.topology

    def _ask(self, commands: Mapping[int, Sequence[bytes]]) -> list[list[Any]]:
        """Replies of each shard to its commands; StoreUnavailableError within the deadline."""
        assert self._connections is not None
        deadline = time.monotonic() + self._settings.timeout_s
        sockets = self._connections.sockets
        try:
            for at, asked in commands.items():
                sockets[at].send(b"".join(asked), deadline)
            replies = [sockets[at].receive(len(asked), deadline) for at, asked in commands.items()]
        except BaseException:
            self.close()  # replies may be under way that the next call would take for its own
            raise
        try:
            return [succeeded(answered) for answered in replies]
        except StoreUnavailableError:
            self.close()  # another server may be in charge
            raise


class _Connections:
    """A socket to every shard."""

    def __init__(self, project: str, settings: StoreSettings) -> None:
        deadline = time.monotonic() + settings.timeout_s
        self.sockets: list[RedisSocket] = []
        self.topology = find_topology(settings, deadline)
        self.keys = [ShardKeys(project, shard) for shard in self.topology.shards]
        try:
            for shard in self.topology.shards:
                self._open(shard, deadline)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close them all."""
        for connection in self.sockets:
            connection.close()

    def _open(self, shard: Shard, deadline: float) -> None:
        self.sockets.append(connection := RedisSocket(shard.server, deadline))
        if shard.elected:
            (role,) = connection.ask((b"ROLE",), deadline=deadline)
            must_be_master(role, shard.server)


def _pack(*command: bytes) -> bytes:
    packed: bytes = hiredis.pack_command(command)
    return packed
