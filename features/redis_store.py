"""The online store in Redis or Valkey: implements `features.store.Store` for workers, bootstrap and command line.

A tuple of shards, of which there is one today: what is certified or progressed is written to all and read as the
least of all. Entity keys go to the first, until a cluster's slots say otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from features.errors import StoreUnavailableError
from features.feast_layout import certificate_key, progress_key, state_field, witness_key
from features.redis_link import RedisLink, open_link
from features.redis_replies import ScriptMissingError, to_hash
from features.redis_scripts import DROP_BIRTH, SCRIPTS, WRITE_PROGRESS, WRITE_STATES, Script
from features.settings import StoreSettings
from features.shard_records import (
    birth_field,
    common_certificate,
    least_progress,
    log_field,
    mark_field,
    to_certificate,
    to_progress,
    witness_keys,
    witnessed,
)
from features.store import AdoptedLog, Birth, Certificate, ProgressKey, StateWrite


class RedisStore:
    """One process' connection to the store.

    Parameters
    ----------
    project
        Name of the Feast project, which every key of ours carries.
    settings
        Where the server is; a ``host`` that begins with a slash is a unix socket.

    """

    def __init__(self, project: str, settings: StoreSettings) -> None:
        self.epoch = 0
        self._project = project
        self._settings = settings
        self._certificate_key = certificate_key(project)
        self._progress_key = progress_key(project)
        self._shards: tuple[RedisLink, ...] = ()

    async def connect(self) -> None:
        """Open (or reopen) the connection to every shard."""
        await self.close()
        loading = [(b"SCRIPT", b"LOAD", script.source) for script in SCRIPTS]
        self._shards = (await open_link(self._settings, loading),)
        self.epoch += 1

    async def close(self) -> None:
        """Close; calls in flight fail."""
        shards, self._shards = self._shards, ()
        for shard in shards:
            shard.close()

    async def read_states(self, view: str, birth: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Stored states, None where there is none."""
        if not keys:
            return []
        field = state_field(view, birth)
        tail = b"\r\n$%d\r\n%b\r\n" % (len(field), field)
        commands = b"".join([b"*3\r\n$4\r\nHGET\r\n$%d\r\n%b%b" % (len(key), key, tail) for key in keys])
        states: list[bytes | None] = await self._entities().calls(commands, len(keys))
        return states

    async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        """Compare and set each; None where it was written, else the state that stands there (empty: none).

        One script call, so give it about a hundred at a time. Calls made side by side are pipelined. Raises
        BirthMissingError, with nothing written, where the birth is not certified.
        """
        return await self._write_states(view, birth, writes, birth_field(view, birth))

    async def bootstrap_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        """Write states of a birth that is not certified yet; answers as `write_states`, asks for no certificate."""
        return await self._write_states(view, birth, writes, b"")

    async def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries."""
        return common_certificate(await _all(self._read_certificate(shard) for shard in self._every()))

    async def write_birth(self, birth: Birth) -> None:
        """Certify a birth on every shard (or change its cut or ``serving``)."""
        field = birth_field(birth.view, birth.id)
        await self._everywhere(b"HSET", witness_key(self._project, birth.join_keys), field, b"")
        await self._certify(field, msgspec.json.encode(birth))

    async def drop_birth(self, view: str, birth: str) -> None:
        """Withdraw a certificate and its progress everywhere; its states may then be swept."""
        arguments = (birth_field(view, birth), birth.encode())
        keys = (self._certificate_key, self._progress_key)
        await _all(_run(shard, DROP_BIRTH, keys, arguments) for shard in self._every())

    async def adopt_log(self, log: AdoptedLog) -> None:
        """Certify on every shard that this log may be read from there on."""
        await self._certify(log_field(log.topic, log.log), msgspec.json.encode(log))

    async def write_progress(self, marks: Mapping[ProgressKey, int]) -> None:
        """Set next offsets on every shard, after all earlier writes; BirthMissingError as `write_states`."""
        if not marks:
            return
        births = sorted({birth.encode() for birth, _, _ in marks})
        arguments = [b"%d" % len(births), *births]
        for mark, offset in marks.items():
            arguments += (mark_field(mark), b"%d" % offset)
        keys = (self._certificate_key, self._progress_key)
        await _all(_run(shard, WRITE_PROGRESS, keys, arguments) for shard in self._every())

    async def read_progress(self) -> dict[ProgressKey, int]:
        """Least over the shards; a mark that some shard lacks is left out."""
        replies = await self._everywhere(b"HGETALL", self._progress_key)
        return least_progress([to_progress(to_hash(reply)) for reply in replies])

    async def _write_states(
        self, view: str, birth: str, writes: Sequence[StateWrite], certificate: bytes
    ) -> list[bytes | None]:
        if not writes:
            return []
        keys = [self._certificate_key]
        arguments = [certificate, state_field(view, birth)]
        for key, expected, state, feast_fields in writes:
            keys.append(key)
            arguments += (expected, state, b"%d" % len(feast_fields), *feast_fields)
        answers: list[bytes | None] = await _run(self._entities(), WRITE_STATES, keys, arguments)
        return answers

    async def _read_certificate(self, shard: RedisLink) -> Certificate:
        """What of one shard's certificate stands."""
        certificate = to_certificate(to_hash(await shard.call(b"HGETALL", self._certificate_key)))
        keys = witness_keys(self._project, certificate)
        fields = await _all(shard.call(b"HKEYS", key) for key in keys)
        return witnessed(certificate, set(chain.from_iterable(fields)))

    async def _certify(self, field: bytes, record: bytes) -> None:
        await self._everywhere(b"HSET", self._certificate_key, field, record)

    async def _everywhere(self, *command: bytes) -> list[Any]:
        """Replies of every shard."""
        return await _all(shard.call(*command) for shard in self._every())

    def _every(self) -> tuple[RedisLink, ...]:
        """All shards; StoreUnavailableError when there is no connection."""
        if not self._shards:
            raise StoreUnavailableError("store", "not connected")
        return self._shards

    def _entities(self) -> RedisLink:
        """The shard that holds the entities."""
        return self._every()[0]


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
