"""Takes forgotten entities out of the online store, by compare and set, so that workers may go on meanwhile."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from features.erasure import Eras, Erasures
from features.errors import StateCorruptError, UnavailableError
from features.feast_layout import (
    STATE_PREFIX,
    TIMESTAMP_PREFIX,
    decode_timestamp,
    field_name,
    read_key,
    state_field,
    timestamp_field,
)
from features.state import era_of, head_of
from features.store import Birth, Certificate

ATTEMPTS: Final = 100
"""Tries before a hot entity is given up: each loses only to a write of the stream."""

KEYS_AT_ONCE: Final = 1_000
"""Keys that are looked at before others run."""

_Births: TypeAlias = Mapping[bytes, Birth]


class EntityStore(Protocol):
    """The part of the store that entities are deleted from."""

    async def read_certificate(self) -> Certificate:
        """Births, logs and erasures."""
        ...

    async def read_entity_keys(self) -> list[bytes]:
        """Keys of all entities of the project."""
        ...

    async def read_entity(self, key: bytes) -> dict[bytes, bytes]:
        """All fields of an entity."""
        ...

    async def erase_fields(self, key: bytes, heads: Mapping[bytes, bytes], fields: Sequence[bytes]) -> bool:
        """Delete fields, if the entity's states still have these heads."""
        ...


class Searched(NamedTuple):
    """How many keys and fields were looked at, and how many of the fields should not be there."""

    keys: int
    fields: int
    found: int


class _Life(NamedTuple):
    """In which life an entity is, and since when."""

    era: int
    since_us: int


_NEVER_FORGOTTEN: Final = _Life(0, 0)


async def delete_forgotten(store: EntityStore, project: str, erasures: Erasures) -> int:
    """Delete what stands of forgotten entities from before they were forgotten; of how many keys."""
    births = _shown(await store.read_certificate())
    deleted = 0
    async for key, life in _entities(store, project, erasures):
        if life.era:
            deleted += await _delete(store, births, key, life)
    return deleted


async def search_forgotten(store: EntityStore, project: str, erasures: Erasures) -> Searched:
    """Look at every key and field of the domain for what `delete_forgotten` should have deleted."""
    births = _shown(await store.read_certificate())
    seen = Searched(0, 0, 0)
    async for key, life in _entities(store, project, erasures):
        fields = await store.read_entity(key)
        found = len(_doomed(fields, births, life)) if life.era else 0
        seen = Searched(seen.keys + 1, seen.fields + len(fields), seen.found + found)
    return seen


async def _entities(store: EntityStore, project: str, erasures: Erasures) -> AsyncIterator[tuple[bytes, _Life]]:
    """Every key of the project and its entity's life; others run in between."""
    known: dict[tuple[str, ...], Eras | None] = {}
    for i, key in enumerate(await store.read_entity_keys()):
        if i % KEYS_AT_ONCE == 0:
            await asyncio.sleep(0)
        entity = read_key(key, project) or {}
        names = tuple(entity)
        if names not in known:
            known[names] = erasures.eras_of(names)
        eras = known[names]
        times = [] if eras is None else eras.forgotten_at_us(list(entity.values()))
        yield key, _Life(len(times), max(times)) if times else _NEVER_FORGOTTEN


async def _delete(store: EntityStore, births: _Births, key: bytes, life: _Life) -> bool:
    for _ in range(ATTEMPTS):
        fields = await store.read_entity(key)
        doomed = _doomed(fields, births, life)
        if not doomed:
            return False
        heads = {field: _head(state) for field, state in fields.items() if field.startswith(STATE_PREFIX)}
        if await store.erase_fields(key, heads, doomed):
            return True
    raise UnavailableError("store", f"the stream wrote an entity at each of {ATTEMPTS} attempts to delete it")


def _shown(certificate: Certificate) -> _Births:
    """Births that Feast's fields show, by the field of their states."""
    return {state_field(birth.view, birth.id): birth for birth in certificate.births if birth.feast}


def _doomed(fields: Mapping[bytes, bytes], births: _Births, life: _Life) -> list[bytes]:
    """Fields that stand from before the entity was forgotten.

    Since then are states of its new life, and Feast's fields of births whose states are. Of other views, which ``feast
    materialize`` writes, nothing but their time is told apart: their fields stay if all of them stand since then.
    """
    kept: set[bytes] = set()
    for field, state in fields.items():
        if field.startswith(STATE_PREFIX) and _is_of_era(state, life.era):
            kept.add(field)
            if (birth := births.get(field)) is not None:
                kept.add(timestamp_field(birth.view))
                kept.update(field_name(birth.view, feature) for feature in birth.features)
    left = [field for field in fields if field not in kept]
    ours = {timestamp_field(birth.view) for birth in births.values()}
    times = [field for field in left if field.startswith(TIMESTAMP_PREFIX)]
    if times and not ours.intersection(times) and all(_time_us(fields[field]) > life.since_us for field in times):
        return [field for field in left if field.startswith(STATE_PREFIX)]
    return left


def _time_us(timestamp: bytes) -> int:
    try:
        return decode_timestamp(timestamp)
    except StateCorruptError:
        return 0  # nobody can tell since when


def _is_of_era(state: bytes, era: int) -> bool:
    try:
        return era_of(state) >= era
    except StateCorruptError:
        return False  # damaged: nobody can go on from it


def _head(state: bytes) -> bytes:
    try:
        return head_of(state)
    except struct.error:
        return state
