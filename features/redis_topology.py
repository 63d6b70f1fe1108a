"""Which servers the store consists of now: one, the nodes of a Redis Cluster, or the one that Sentinels name.

Asked anew at each connection, never followed in between: when a slot has another server (a fail-over, a slot that was
moved) calls fail, and whoever made them connects again. So there is one way to recover. Those who look at the
certificate each second learn in passing whether the slots are still those that they connected to.
"""

from __future__ import annotations

import hashlib
from binascii import crc_hqx
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from features.errors import MillstreamError, SettingsError, StoreUnavailableError
from features.redis_link import address_of
from features.redis_replies import ShardMovedError
from features.redis_socket import RedisSocket
from features.settings import StoreSettings

N_SLOTS = 16_384

SLOTS = (b"CLUSTER", b"SLOTS")
Ask = Callable[[StoreSettings, float], "Topology"]

T = TypeVar("T")


class Shard(NamedTuple):
    """One server of the store.

    ``slots`` are first and last of its slot ranges, none where it is the only server. ``elected`` says that Sentinels
    named it, so that it must say itself that it is the master.
    """

    server: StoreSettings
    slots: tuple[tuple[int, int], ...] = ()
    elected: bool = False

    @property
    def layout(self) -> bytes:
        """Name of its slots, empty where it is the only server: a shard with other slots is another shard."""
        text = ",".join(f"{first}-{last}" for first, last in self.slots)
        return hashlib.sha256(text.encode()).hexdigest()[:12].encode() if text else b""

    def holds(self, key: bytes) -> bool:
        """Whether the key lies on it."""
        slot = slot_of(key)
        return not self.slots or any(first <= slot <= last for first, last in self.slots)


class Topology:
    """The shards, in the order of their slots, and which of them a key lies on.

    Raises StoreUnavailableError where a slot is served by nobody.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.is_cluster = bool(shards[0].slots)
        self.shards = tuple(sorted(shards, key=lambda shard: shard.slots))
        self._shard_of_slot: list[int] = []
        if self.is_cluster:
            found = {slot: at for at, shard in enumerate(self.shards) for slot in _each(shard.slots)}
            if len(found) < N_SLOTS:
                raise StoreUnavailableError(
                    "store cluster", f"{N_SLOTS - len(found)} of its {N_SLOTS} slots are served by nobody"
                )
            self._shard_of_slot = [found[slot] for slot in range(N_SLOTS)]

    def shard_of(self, key: bytes) -> int:
        """Index of the shard that the key lies on."""
        return self._shard_of_slot[slot_of(key)] if self._shard_of_slot else 0

    def split(self, keys: Sequence[bytes]) -> dict[int, list[int]]:
        """Index of each shard that some of the keys lie on → indexes of those keys, in order."""
        if not self._shard_of_slot:
            return {0: list(range(len(keys)))}
        split: defaultdict[int, list[int]] = defaultdict(list)
        for i, key in enumerate(keys):
            split[self.shard_of(key)].append(i)
        return split


def slot_of(key: bytes) -> int:
    """The slot of a key: of the part in its first braces, where there is something in them.

    Parameters
    ----------
    key
        Any bytes.

    Returns
    -------
    int
        From 0 to 16,383.

    Examples
    --------
    >>> slot_of(b"foo"), slot_of(b"{foo}bar"), slot_of(b"{}foo")
    (12182, 12182, 9500)

    References
    ----------
    Redis Cluster specification, "Hash tags": CRC16 (XMODEM) modulo 16,384.

    """
    begin = key.find(b"{") + 1
    end = key.find(b"}", begin) if begin else 0
    return crc_hqx(key[begin:end] if end > begin else key, 0) % N_SLOTS


def in_order(split: Iterable[Sequence[int]], answers: Iterable[Sequence[T]]) -> list[T]:
    """Answers of several shards in the order of the keys: ``split`` are the indexes that each shard was asked for."""
    pairs = ((i, answer) for at, shard in zip(split, answers, strict=True) for i, answer in zip(at, shard, strict=True))
    return [answer for _, answer in sorted(pairs, key=itemgetter(0))]


def find_topology(settings: StoreSettings, deadline: float) -> Topology:
    """Ask who serves the store now; blocks until the deadline at most.

    Parameters
    ----------
    settings
        Which server, cluster or Sentinels.
    deadline
        By the monotonic clock.

    Returns
    -------
    Topology
        Of one server, where settings name it, without asking.

    Raises
    ------
    StoreUnavailableError
        When nobody who was named answers, or no master is known.
    SettingsError
        When who was named is of another kind, or refuses us.

    """
    if settings.cluster is not None:
        return _first_answer(settings.cluster_nodes, deadline, _ask_node)
    if settings.sentinels is not None:
        return _first_answer(settings.sentinel_nodes, deadline, lambda *asked: _ask_sentinel(settings, *asked))
    return Topology([Shard(settings)])


def must_be_master(role: Sequence[Any], server: StoreSettings) -> None:
    """Refuse a server whose answer to ROLE is not the master's: one that was deposed and has not heard of it."""
    if role[0] != b"master":
        raise StoreUnavailableError(
            f"store {address_of(server)}", f"is a {role[0].decode()} now, though the Sentinels named it as master"
        )


def must_be_unmoved(topology: Topology, slots_reply: Sequence[Any]) -> None:
    """Refuse to go on with shards of other slots than the first of them now tells (by its answer to `SLOTS`)."""
    now = _topology_of(slots_reply, topology.shards[0].server)
    if [shard.slots for shard in now.shards] != [shard.slots for shard in topology.shards]:
        raise ShardMovedError("store", "slots of the cluster have moved since this connection was made")


def _first_answer(
    nodes: Sequence[StoreSettings], deadline: float, ask: Callable[[StoreSettings, float], Topology]
) -> Topology:
    """Topology by the first node that tells one; else what was wrong with each."""
    problems: list[MillstreamError] = []
    for node in nodes:
        try:
            return ask(node, deadline)
        except StoreUnavailableError as error:
            problems.append(error)
    raise StoreUnavailableError("store", "; ".join(map(str, problems)))


def _ask_node(node: StoreSettings, deadline: float) -> Topology:
    """The cluster as one node sees it."""
    connection = RedisSocket(node, deadline)
    try:
        (reply,) = connection.ask(SLOTS, deadline=deadline)
    except StoreUnavailableError as error:
        if "cluster support disabled" in error.problem:
            raise SettingsError(
                "MILLSTREAM_STORE__CLUSTER", f"{address_of(node)} is no node of a cluster", "set HOST and PORT instead"
            ) from error
        raise
    finally:
        connection.close()
    return _topology_of(reply, node)


def _topology_of(slots_reply: Sequence[Any], node: StoreSettings) -> Topology:
    """What a node answers to CLUSTER SLOTS."""
    slots: dict[StoreSettings, list[tuple[int, int]]] = defaultdict(list)
    for first, last, (host, port, *_), *_replicas in slots_reply:
        slots[node.at(host.decode() if host else node.host, port)].append((first, last))  # no host: the one asked
    if not slots:
        raise StoreUnavailableError(f"store {address_of(node)}", "the cluster has assigned no slots yet")
    return Topology([Shard(server, tuple(sorted(ranges))) for server, ranges in slots.items()])


def _ask_sentinel(settings: StoreSettings, sentinel: StoreSettings, deadline: float) -> Topology:
    """The master as one Sentinel names it, if that one agrees."""
    name = settings.sentinel_service
    try:
        connection = RedisSocket(sentinel, deadline)
        try:
            (reply,) = connection.ask((b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name.encode()), deadline=deadline)
        finally:
            connection.close()
    except SettingsError as error:
        if error.name == "MILLSTREAM_STORE__PASSWORD":
            raise SettingsError("MILLSTREAM_STORE__SENTINEL_PASSWORD", error.problem, error.remedy) from error
        raise
    except StoreUnavailableError as error:
        if "unknown command" in error.problem:
            raise SettingsError(
                "MILLSTREAM_STORE__SENTINELS", f"{address_of(sentinel)} is no Sentinel", "name their ports"
            ) from error
        raise
    if reply is None:
        raise SettingsError(
            "MILLSTREAM_STORE__SENTINEL_SERVICE",
            f"Sentinel {address_of(sentinel)} knows no service {name!r}",
            "set the name that it monitors",
        )
    server = settings.at(reply[0].decode(), int(reply[1]))
    master = RedisSocket(server, deadline)
    try:
        (role,) = master.ask((b"ROLE",), deadline=deadline)
    finally:
        master.close()
    must_be_master(role, server)
    return Topology([Shard(server, elected=True)])


def _each(ranges: Sequence[tuple[int, int]]) -> list[int]:
    return [slot for first, last in ranges for slot in range(first, last + 1)]
