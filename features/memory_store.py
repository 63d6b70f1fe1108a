"""The online store in memory: the contract of `features.store` with faults on demand, for tests.

`features.memory_shards.MemoryShards` are the servers, shared by any number of `MemoryStore` clients. What Redis
enforces is enforced here: compare and set, births, order of writes, connections that end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from features.erasure import Erasure
from features.errors import BirthMissingError, ErasureMissedError, StoreUnavailableError
from features.feast_layout import key_prefix, state_field, timestamp_field, witness_key
from features.memory_shards import CERTIFICATE, PROGRESS, PROJECT, MemoryShard, MemoryShards
from features.shard_records import (
    birth_field,
    dropped_field,
    ends_of,
    erasure_field,
    log_field,
    mark_field,
    to_certificate,
)
from features.store import AdoptedLog, Birth, Certificate, FeastWrite, ProgressKey, StateWrite

COUNT = b"erasures"


class MemoryStore:
    """One client's connection to the shards: implements `features.store.Store`.

    Parameters
    ----------
    shards
        The servers to share with other clients; new ones otherwise.

    """

    def __init__(self, shards: MemoryShards | None = None) -> None:
        self.shards = shards or MemoryShards()
        self.epoch = 0
        self._generation: int | None = None
        self._writes_left = 0
        self._n_erasures = 0

    def cut(self) -> None:
        """Lose the connection."""
        self._generation = None

    def cut_after(self, n_writes: int) -> None:
        """Lose the connection once that many more single writes were applied, before the last one is answered."""
        if n_writes == 0:
            self.cut()
        self._writes_left = n_writes

    async def connect(self) -> None:
        """Open (or reopen) the connection to every shard."""
        await asyncio.sleep(0)
        if not self.shards.up:
            raise StoreUnavailableError("store", "no connection: the shards are stopped")
        self._generation = self.shards.generation
        self.epoch += 1

    async def close(self) -> None:
        """Close; calls in flight fail."""
        self.cut()

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """For each key, the values of these hash fields."""
        epoch = self._connected()
        rows = [self.shards.of(key).hash(key) for key in keys]
        found = [[row.get(field) for field in fields] for row in rows]
        await self._answer(epoch)
        return found

    async def read_states(self, view: str, birth: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Stored states, None where there is none."""
        epoch = self._connected()
        field = state_field(view, birth)
        states = [self.shards.of(key).hash(key).get(field) for key in keys]
        await self._answer(epoch)
        return states

    async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        """Compare and set each; None where it was written, else the state that stands there (empty: none)."""
        return await self._write_states(view, birth, writes, certified=True)

    async def bootstrap_states(
        self,
        view: str,
        birth: str,
        writes: Sequence[StateWrite],
        *,
        key_ttl_s: int | None = None,  # noqa: ARG002 - there is no clock here, so nothing expires
    ) -> list[bytes | None]:
        """As `write_states`, for a birth that is not certified yet: asks for no certificate."""
        return await self._write_states(view, birth, writes, certified=False)

    async def write_feast_fields(
        self,
        view: str,
        writes: Sequence[FeastWrite],
        *,
        key_ttl_s: int | None = None,  # noqa: ARG002 - there is no clock here, so nothing expires
    ) -> list[bytes | None]:
        """Compare the timestamp of each and set Feast's fields; None where it was done, else the one that stands."""
        epoch = self._connected()
        answers: list[bytes | None] = []
        for write in writes:
            shard = self.shards.of(write.key)
            self._refuse_if_unaware(shard)
            stored = shard.hash(write.key).get(timestamp_field(view), b"")
            if stored != write.expected:
                answers.append(stored)
                continue
            self._write(shard, write.key, dict(zip(write.fields[::2], write.fields[1::2], strict=True)))
            answers.append(None)
        await self._answer(epoch)
        return answers

    async def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries."""
        epoch = self._connected()
        certificate = self.shards.certificate()
        await self._answer(epoch)
        return certificate

    async def write_birth(self, birth: Birth) -> None:
        """Certify a birth on every shard (or change its cut, ``serving`` or ``key_ttl_s``)."""
        field = birth_field(birth.view, birth.id)
        await self._write_everywhere(witness_key(PROJECT, birth.join_keys), {field: b""})
        await self._write_everywhere(CERTIFICATE, {field: msgspec.json.encode(birth)})

    async def drop_birth(self, view: str, birth: str) -> None:
        """Withdraw a certificate and its progress everywhere, and note that the birth is to be swept."""
        epoch = self._connected()
        field = birth_field(view, birth)
        for shard in self.shards.shards:
            record = shard.hash(CERTIFICATE).get(field)
            note = {} if record is None else {dropped_field(view, birth): record}
            self._write(shard, CERTIFICATE, {field: None, **note})
            marks = [field for field in shard.hash(PROGRESS) if field.startswith(f"{birth}:".encode())]
            if marks:
                self._write(shard, PROGRESS, dict.fromkeys(marks))
        await self._answer(epoch)

    async def entity_keys(self, join_keys: Sequence[str]) -> AsyncIterator[list[bytes]]:
        """Keys of all entities with these join keys, some at a time."""
        beginning, witness = key_prefix(sorted(join_keys)), witness_key(PROJECT, join_keys)
        for shard in self.shards.shards:
            epoch = self._connected()
            keys = [key for key in shard.hashes if key.startswith(beginning) and key != witness]
            await self._answer(epoch)
            yield keys

    async def delete_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> int:
        """Delete these hash fields of these entities; how many there were."""
        epoch = self._connected()
        n_deleted = 0
        for key in keys:
            shard = self.shards.of(key)
            found = [field for field in fields if field in shard.hash(key)]
            if found:
                self._write(shard, key, dict.fromkeys(found))
            n_deleted += len(found)
        await self._answer(epoch)
        return n_deleted

    async def forget_birth(self, view: str, birth: str) -> None:
        """Note that a dropped birth has been swept."""
        await self._write_everywhere(CERTIFICATE, {dropped_field(view, birth): None})

    async def adopt_log(self, log: AdoptedLog) -> None:
        """Certify on every shard that this log may be read from there on."""
        await self._write_everywhere(CERTIFICATE, {log_field(log.topic, log.log): msgspec.json.encode(log)})

    async def write_progress(self, marks: Mapping[ProgressKey, int]) -> None:
        """Set next offsets on every shard, after all earlier writes; raises as `write_states`."""
        epoch = self._connected()
        fields = {mark_field(mark): str(offset).encode() for mark, offset in marks.items()}
        missing: BirthMissingError | None = None
        for index, shard in enumerate(self.shards.shards):
            self._refuse_if_unaware(shard)
            certified = {birth.id for birth in to_certificate(shard.hash(CERTIFICATE)).births}
            lacking = [birth for birth, _, _ in marks if birth not in certified]
            if lacking:
                missing = BirthMissingError(f"shard {index}", f"carries no certificate of birth {lacking[0]}")
            elif fields:
                self._write(shard, PROGRESS, fields)
        await self._answer(epoch)
        if missing:
            raise missing

    async def read_progress(self) -> dict[ProgressKey, int]:
        """Least over the shards; a mark that some shard lacks is left out."""
        epoch = self._connected()
        marks = self.shards.progress()
        await self._answer(epoch)
        return marks

    def know_erasures(self, n_erasures: int) -> None:
        """Write from now on as one who leaves out so many forgotten entities."""
        self._n_erasures = n_erasures

    async def raise_erasure(self, erasure: Erasure) -> None:
        """Tell every shard of an erasure, and set progress back to its ends where it is new."""
        epoch = self._connected()
        field, ends = erasure_field(erasure), ends_of(erasure)
        for shard in self.shards.shards:
            known = shard.hash(CERTIFICATE)
            n_known = int(known.get(COUNT, b"0"))
            if field not in known:
                ahead = {
                    mark: b"%d" % ends[place]
                    for mark, offset in shard.hash(PROGRESS).items()
                    if int(offset) > ends.get(place := mark.partition(b":")[2], int(offset))
                }
                self._write(shard, PROGRESS, ahead)
                n_known += 1
            self._write(shard, CERTIFICATE, {field: msgspec.json.encode(erasure), COUNT: b"%d" % n_known})
        await self._answer(epoch)

    async def read_entity_keys(self) -> list[bytes]:
        """Keys of all entities."""
        epoch = self._connected()
        own = {CERTIFICATE, PROGRESS}
        keys = [key for shard in self.shards.shards for key, fields in shard.hashes.items() if fields]
        await self._answer(epoch)
        return [key for key in keys if key not in own and b"_ms:births:" not in key]

    async def read_entity(self, key: bytes) -> dict[bytes, bytes]:
        """All fields of an entity; empty where there is none."""
        epoch = self._connected()
        fields = dict(self.shards.of(key).hash(key))
        await self._answer(epoch)
        return fields

    async def erase_fields(self, key: bytes, heads: Mapping[bytes, bytes], fields: Sequence[bytes]) -> bool:
        """Delete fields of an entity, if its states still have these heads."""
        epoch = self._connected()
        shard = self.shards.of(key)
        stored = shard.hash(key)
        same = all(
            stored.get(field, b"").startswith(head) and bool(head) == (field in stored) for field, head in heads.items()
        )
        if same:
            self._write(shard, key, dict.fromkeys(fields))
        await self._answer(epoch)
        return same

    async def rewrite_files(self) -> None:
        """There are none."""

    async def _write_states(
        self, view: str, birth: str, writes: Sequence[StateWrite], *, certified: bool
    ) -> list[bytes | None]:
        """Compare and set each on shards that may be written."""
        epoch = self._connected()
        field, certificate = state_field(view, birth), birth_field(view, birth)
        answers: list[bytes | None] = []
        missing: BirthMissingError | None = None
        for write in writes:
            shard = self.shards.of(write.key)
            record = shard.hash(CERTIFICATE).get(certificate)
            if certified and record is None:
                missing = BirthMissingError("a shard", f"carries no certificate of view {view}, birth {birth}")
                continue
            if certified:
                self._refuse_if_unaware(shard)
            stored = shard.hash(write.key).get(field)
            if (stored or b"")[: len(write.expected)] != write.expected or (stored is not None and not write.expected):
                answers.append(stored or b"")
                continue
            shown = record is None or msgspec.json.decode(record, type=Birth).feast
            feast = dict(zip(write.feast_fields[::2], write.feast_fields[1::2], strict=True)) if shown else {}
            self._write(shard, write.key, {field: write.state, **feast})
            answers.append(None)
        await self._answer(epoch)
        if missing:
            raise missing
        return answers

    async def _write_everywhere(self, key: bytes, fields: Mapping[bytes, bytes | None]) -> None:
        """One write on every shard."""
        epoch = self._connected()
        for shard in self.shards.shards:
            self._write(shard, key, fields)
        await self._answer(epoch)

    def _write(self, shard: MemoryShard, key: bytes, fields: Mapping[bytes, bytes | None]) -> None:
        """One write; the connection may have ended before it, and may end after it."""
        self._connected()
        shard.write(key, fields)
        if self._writes_left:
            self._writes_left -= 1
            if not self._writes_left:
                self.cut()

    def _refuse_if_unaware(self, shard: MemoryShard) -> None:
        """ErasureMissedError where the shard was told of more erasures than this writer."""
        if int(shard.hash(CERTIFICATE).get(COUNT, b"0")) != self._n_erasures:
            raise ErasureMissedError("store", "an entity was forgotten since this process looked")

    def _connected(self) -> int:
        """The epoch of the live connection; StoreUnavailableError when there is none."""
        if self._generation is None or self._generation != self.shards.generation:
            raise StoreUnavailableError("store", "the connection was lost")
        return self.epoch

    async def _answer(self, epoch: int) -> None:
        """Let others run, then fail if the connection that was asked is no more."""
        await asyncio.sleep(0)
        if self._connected() != epoch:
            raise StoreUnavailableError("store", "the connection was lost")
