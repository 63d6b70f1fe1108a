"""The online store in Redis or Valkey: implements `features.store.Store` for workers, bootstrap and command line.

One shard, or those of a Redis Cluster: what is certified or progressed is written to all and read as the least of all,
entities go where the slots of their keys lie.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from features.erasure import Erasure
from features.errors import StoreUnavailableError
from features.feast_layout import entity_pattern, read_key, state_field, timestamp_field
from features.redis_files import rewrite_files
from features.redis_link import RedisLink, open_link
from features.redis_replies import ScriptMissingError, to_hash
from features.redis_scripts import (
    CERTIFY_BIRTH,
    DROP_BIRTH,
    ERASE,
    RAISE_ERASURE,
    SCRIPTS,
    WRITE_FEAST,
    WRITE_PROGRESS,
    WRITE_STATES,
    Script,
)
from features.redis_topology import SLOTS, Shard, Topology, find_topology, in_order, must_be_master, must_be_unmoved
from features.redis_words import around_key, pack
from features.settings import StoreSettings
from features.shard_keys import ShardKeys
from features.shard_records import (
    birth_field,
    common_certificate,
    dropped_field,
    ends_of,
    erasure_field,
    least_progress,
    log_field,
    mark_field,
    to_certificate,
    to_progress,
    witnessed,
)
from features.store import AdoptedLog, Birth, Certificate, FeastWrite, ProgressKey, StateWrite

LOADING = tuple((b"SCRIPT", b"LOAD", script.source) for script in SCRIPTS)
SCAN_COUNT = b"10000"
SCAN_ENTITIES = b"500"
"""Keys that a store looks at in one step of a scan beside which it serves, and serves nobody meanwhile."""


class RedisStore:
    """One process' connection to the store.

    Parameters
    ----------
    project
        Name of the Feast project, which every key of ours carries.
    settings
        Where the server is (a ``host`` that begins with a slash is a unix socket), or the cluster, or the Sentinels.
    read_only
        Whether it will only be read: then the server is taught no scripts, which a user may have no right to.

    """

    def __init__(self, project: str, settings: StoreSettings, *, read_only: bool = False) -> None:
        self.epoch = 0
        self._first_commands = () if read_only else LOADING
        self._project = project
        self._settings = settings
        self._topology: Topology | None = None
        self._n_erasures = b"0"
        self._shards: tuple[RedisLink, ...] = ()
        self._keys: tuple[ShardKeys, ...] = ()

    async def connect(self) -> None:
        """Find the shards, and open (or reopen) the connection to each."""
        await self.close()
        deadline = time.monotonic() + self._settings.timeout_s
        topology = await asyncio.to_thread(find_topology, self._settings, deadline)
        self._shards = await _open_all(topology.shards, self._first_commands)
        self._topology = topology
        self._keys = tuple(ShardKeys(self._project, shard) for shard in topology.shards)
        self.epoch += 1

    async def close(self) -> None:
        """Close; calls in flight fail."""
        shards, self._shards = self._shards, ()
        for shard in shards:
            shard.close()

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """For each key, the values of these hash fields, in one round trip."""
        if not keys or not fields:
            return [[] for _ in keys]
        head, tail = around_key(b"HMGET", tuple(fields))
        return await self._ask_split(keys, head, tail)

    async def read_states(self, view: str, birth: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Stored states, None where there is none."""
        if not keys:
            return []
        head, tail = around_key(b"HGET", (state_field(view, birth),))
        return await self._ask_split(keys, head, tail)

    async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        """Compare and set each; None where it was written, else the state that stands there (empty: none).

        One script call a shard, so give it about a hundred at a time. Calls made side by side are pipelined. Raises,
        with nothing written on that shard, BirthMissingError where the birth is not certified, and ErasureMissedError
        where this writer does not know all that was forgotten.
        """
        field = state_field(view, birth)
        return await self._write_states(writes, (birth_field(view, birth), self._n_erasures, field, b""))

    async def bootstrap_states(
        self, view: str, birth: str, writes: Sequence[StateWrite], *, key_ttl_s: int | None = None
    ) -> list[bytes | None]:
        """Write states of a birth that is not certified yet: see `features.store.Store.bootstrap_states`."""
        field = state_field(view, birth)
        return await self._write_states(writes, (b"", b"", field, b"%d" % (key_ttl_s or 0)))

    async def write_feast_fields(
        self, view: str, writes: Sequence[FeastWrite], *, key_ttl_s: int | None = None
    ) -> list[bytes | None]:
        """Set Feast's fields where the timestamp is as expected: see `features.store.Store.write_feast_fields`."""
        head = (self._n_erasures, timestamp_field(view), b"%d" % (key_ttl_s or 0))
        words = [(write.key, write.expected, b"%d" % len(write.fields), *write.fields) for write in writes]
        return await self._run_split(WRITE_FEAST, [write.key for write in writes], head, words)

    async def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries; ShardMovedError where the shards are others by now."""
        links = self._every()
        assert self._topology is not None
        if self._topology.is_cluster:
            must_be_unmoved(self._topology, await links[0].call(*SLOTS))
        return common_certificate(await _all(map(self._read_certificate, links, self._keys)))

    async def write_birth(self, birth: Birth) -> None:
        """Certify a birth on every shard (or change its cut, ``serving`` or ``key_ttl_s``)."""
        field = birth_field(birth.view, birth.id)
        shards = zip(self._every(), self._keys, strict=True)
        await _all(shard.call(b"HSET", keys.witness(birth.join_keys), field, b"") for shard, keys in shards)
        await self._void_other_layouts()
        await self._run_everywhere(CERTIFY_BIRTH, (field, msgspec.json.encode(birth)))

    async def drop_birth(self, view: str, birth: str) -> None:
        """Withdraw a certificate and its progress everywhere, and note that the birth is to be swept."""
        arguments = (birth_field(view, birth), birth.encode(), dropped_field(view, birth))
        await self._run_everywhere(DROP_BIRTH, arguments)

    async def entity_keys(self, join_keys: Sequence[str]) -> AsyncIterator[list[bytes]]:
        """Keys of all entities with these join keys, some at a time; a key may come twice (SCAN)."""
        pattern = entity_pattern(self._project, join_keys)
        for shard, own_keys in zip(self._every(), self._keys, strict=True):
            cursor, witness = b"0", own_keys.witness(tuple(join_keys))
            while True:
                cursor, keys = await shard.call(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", SCAN_ENTITIES)
                yield [key for key in keys if key != witness]
                if cursor == b"0":
                    break

    async def delete_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> int:
        """Delete these hash fields of these entities; how many there were."""
        if not keys or not fields:
            return 0
        shards = self._every()
        calls = [
            shards[at].calls(b"".join([pack((b"HDEL", keys[i], *fields)) for i in indexes]), len(indexes))
            for at, indexes in self._split(keys).items()
        ]
        return sum(map(sum, await _all(calls)))

    async def forget_birth(self, view: str, birth: str) -> None:
        """Note that a dropped birth has been swept."""
        shards = zip(self._every(), self._keys, strict=True)
        await _all(shard.call(b"HDEL", keys.certificate, dropped_field(view, birth)) for shard, keys in shards)

    async def adopt_log(self, log: AdoptedLog) -> None:
        """Certify on every shard that this log may be read from there on."""
        await self._void_other_layouts()
        words = (log_field(log.topic, log.log), msgspec.json.encode(log))
        shards = zip(self._every(), self._keys, strict=True)
        await _all(shard.call(b"HSET", keys.certificate, *words) for shard, keys in shards)

    async def write_progress(self, marks: Mapping[ProgressKey, int]) -> None:
        """Set next offsets on every shard, after all earlier writes; raises as `write_states`."""
        if not marks:
            return
        births = sorted({birth.encode() for birth, _, _ in marks})
        arguments = [self._n_erasures, b"%d" % len(births), *births]
        for mark, offset in marks.items():
            arguments += (mark_field(mark), b"%d" % offset)
        await self._run_everywhere(WRITE_PROGRESS, arguments)

    async def read_progress(self) -> dict[ProgressKey, int]:
        """Least over the shards; a mark that some shard lacks is left out."""
        shards = zip(self._every(), self._keys, strict=True)
        replies = await _all(shard.call(b"HGETALL", keys.progress) for shard, keys in shards)
        return least_progress([to_progress(to_hash(reply)) for reply in replies])

    def know_erasures(self, n_erasures: int) -> None:
        """Write from now on as one who leaves out so many forgotten entities; none before the first call."""
        self._n_erasures = b"%d" % n_erasures

    async def raise_erasure(self, erasure: Erasure) -> None:
        """Tell every shard of an erasure: see `features.store.Store.raise_erasure`."""
        arguments = [erasure_field(erasure), msgspec.json.encode(erasure)]
        for place, end in ends_of(erasure).items():
            arguments += (place, b"%d" % end)
        await self._run_everywhere(RAISE_ERASURE, arguments)

    async def read_entity_keys(self) -> list[bytes]:
        """Keys of all entities of the project."""
        return [key for keys in await _all(map(self._scan, self._every())) for key in keys]

    async def read_entity(self, key: bytes) -> dict[bytes, bytes]:
        """All fields of an entity; empty where there is none."""
        return to_hash(await self._of(key).call(b"HGETALL", key))

    async def erase_fields(self, key: bytes, heads: Mapping[bytes, bytes], fields: Sequence[bytes]) -> bool:
        """Delete fields of an entity, if its states still have these heads: see `features.store.Store.erase_fields`."""
        arguments = [b"%d" % len(heads), *chain.from_iterable(heads.items()), *fields]
        return bool(await _run(self._of(key), ERASE, [key], arguments))

    async def rewrite_files(self) -> None:
        """Write append-only file and snapshot anew; StoreUnavailableError where the server does not allow it."""
        await _all(map(rewrite_files, self._every()))

    def _ask_split(self, keys: Sequence[bytes], head: bytes, tail: bytes) -> Awaitable[list[Any]]:
        """The reply to one command a key, of the shards that the keys lie on."""

        def ask(shard: RedisLink, keys: Sequence[bytes]) -> Awaitable[list[Any]]:
            commands = b"".join([b"%b$%d\r\n%b%b" % (head, len(key), key, tail) for key in keys])
            return shard.calls(commands, len(keys))

        shards = self._every()
        if len(shards) == 1:
            return ask(shards[0], keys)
        split = self._split(keys)

        async def ask_all() -> list[Any]:
            answers = await _all(ask(shards[at], [keys[i] for i in indexes]) for at, indexes in split.items())
            return in_order(split.values(), answers)

        return ask_all()

    def _of(self, key: bytes) -> RedisLink:
        """The shard that an entity's key lies on."""
        return self._every()[next(iter(self._split([key])))]

    async def _scan(self, shard: RedisLink) -> list[bytes]:
        """Keys of the project's entities on one shard, each once."""
        pattern = b"*" + re.sub(rb"([*?\[\]\\^])", rb"\\\1", self._project.encode())
        cursor, found = b"0", set[bytes]()
        while True:
            cursor, keys = await shard.call(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"1000")
            found.update(key for key in keys if read_key(key, self._project) is not None)
            if cursor == b"0":
                return sorted(found)

    async def _write_states(self, writes: Sequence[StateWrite], head: Sequence[bytes]) -> list[bytes | None]:
        """Run the script, which ``head`` tells what to ask for and where to write."""
        words = [
            (key, expected, state, b"%d" % len(feast_fields), *feast_fields)
            for key, expected, state, feast_fields in writes
        ]
        return await self._run_split(WRITE_STATES, [write.key for write in writes], head, words)

    async def _run_split(
        self, script: Script, keys: Sequence[bytes], head: Sequence[bytes], words: Sequence[Sequence[bytes]]
    ) -> list[bytes | None]:
        """Run a script on each shard with the words of the entities that lie there; an answer an entity."""
        if not keys:
            return []

        def ask(at: int, entities: Iterable[Sequence[bytes]]) -> Awaitable[list[bytes | None]]:
            arguments = [*head, *chain.from_iterable(entities)]
            return _run(shards[at], script, (self._keys[at].certificate,), arguments)

        shards, split = self._every(), self._split(keys)
        if len(split) == 1:
            return await ask(next(iter(split)), words)
        answers = await _all(ask(at, [words[i] for i in indexes]) for at, indexes in split.items())
        return in_order(split.values(), answers)

    async def _read_certificate(self, shard: RedisLink, keys: ShardKeys) -> Certificate:
        """What of one shard's certificate stands."""
        certificate = to_certificate(to_hash(await shard.call(b"HGETALL", keys.certificate)))
        fields = await _all(shard.call(b"HKEYS", key) for key in keys.witnesses(certificate))
        return witnessed(certificate, set(chain.from_iterable(fields)))

    async def _void_other_layouts(self) -> None:
        await _all(map(_void_other_layouts, self._every(), self._keys))

    async def _run_everywhere(self, script: Script, arguments: Sequence[bytes]) -> None:
        """Run a script on the certificate and progress of every shard."""
        shards = zip(self._every(), self._keys, strict=True)
        await _all(_run(shard, script, (keys.certificate, keys.progress), arguments) for shard, keys in shards)

    def _every(self) -> tuple[RedisLink, ...]:
        """All shards; StoreUnavailableError when there is no connection."""
        if not self._shards:
            raise StoreUnavailableError("store", "not connected")
        return self._shards

    def _split(self, keys: Sequence[bytes]) -> dict[int, list[int]]:
        """Index of each shard that the keys lie on → their indexes."""
        assert self._topology is not None
        return self._topology.split(keys)


async def _open_all(shards: Sequence[Shard], first_commands: Sequence[Sequence[bytes]]) -> tuple[RedisLink, ...]:
    """A link to each; none stays open where one cannot be made."""
    opening = [asyncio.create_task(_open(shard, first_commands)) for shard in shards]
    try:
        return tuple(await asyncio.gather(*opening))
    except BaseException:
        for task in opening:
            task.cancel()
        for opened in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(opened, RedisLink):
                opened.close()
        raise


async def _open(shard: Shard, first_commands: Sequence[Sequence[bytes]]) -> RedisLink:
    """A link that is ready for use."""
    link = await open_link(shard.server, first_commands)
    if shard.elected:
        try:
            must_be_master(await link.call(b"ROLE"), shard.server)
        except BaseException:
            link.close()
            raise
    return link


async def _void_other_layouts(shard: RedisLink, keys: ShardKeys) -> None:
    """Before anything is certified, a shard forgets what was of other slots: were these to return, it must not stand.

    What it was told of erasures since it has its slots stays.
    """
    patterns = keys.of_any_layout
    if not patterns:
        return
    fields = await shard.call(b"HKEYS", keys.certificate)
    if any(field.startswith((b"view:", b"log:")) for field in fields):
        return
    for pattern in patterns:
        cursor = b"0"
        while True:
            cursor, found = await shard.call(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", SCAN_COUNT)
            await _all(shard.call(b"DEL", key) for key in found if key != keys.certificate)
            if cursor == b"0":
                break


async def _run(shard: RedisLink, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
    """Run a script by its name; by its source where the server has forgotten it (SCRIPT FLUSH)."""
    words = (b"%d" % len(keys), *keys, *arguments)
    try:
        return await shard.call(b"EVALSHA", script.sha, *words)
    except ScriptMissingError:
        return await shard.call(b"EVAL", script.source, *words)


async def _all(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """Answers of all calls, made at once."""
    return list(await asyncio.gather(*calls))
