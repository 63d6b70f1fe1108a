"""Takes forgotten entities out of the online store, by compare and set, so that workers may go on meanwhile."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from features.erasure import Erasures
from features.errors import StateCorruptError, UnavailableError
from features.feast_layout import STATE_PREFIX, field_name, read_key, timestamp_field
from features.nouns import KeyValue
from features.plan import Plan
from features.state import era_of, head_of

ATTEMPTS: Final = 100
"""Tries before a hot entity is given up: each loses only to a write of the stream."""


class EntityStore(Protocol):
    """The part of the store that entities are deleted from."""

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


async def delete_forgotten(store: EntityStore, plan: Plan, erasures: Erasures) -> int:
    """Delete what stands of forgotten entities from before they were forgotten; of how many keys."""
    deleted = 0
    for key in await store.read_entity_keys():
        era = _era(erasures, read_key(key, plan.project) or {})
        if era:
            deleted += await _delete(store, plan, key, era)
    return deleted


async def search_forgotten(store: EntityStore, plan: Plan, erasures: Erasures) -> Searched:
    """Look at every key and field of the domain for what `delete_forgotten` should have deleted."""
    seen = Searched(0, 0, 0)
    for key in await store.read_entity_keys():
        era = _era(erasures, read_key(key, plan.project) or {})
        fields = await store.read_entity(key)
        found = len(_doomed(fields, plan, era)) if era else 0
        seen = Searched(seen.keys + 1, seen.fields + len(fields), seen.found + found)
    return seen


async def _delete(store: EntityStore, plan: Plan, key: bytes, era: int) -> bool:
    for _ in range(ATTEMPTS):
        fields = await store.read_entity(key)
        doomed = _doomed(fields, plan, era)
        if not doomed:
            return False
        heads = {field: _head(state) for field, state in fields.items() if field.startswith(STATE_PREFIX)}
        if await store.erase_fields(key, heads, doomed):
            return True
    raise UnavailableError("store", f"the stream wrote an entity at each of {ATTEMPTS} attempts to delete it")


def _doomed(fields: Mapping[bytes, bytes], plan: Plan, era: int) -> list[bytes]:
    """Fields that stand from before the entity was forgotten: all but those of states begun since then."""
    kept: set[bytes] = set()
    for field, state in fields.items():
        if field.startswith(STATE_PREFIX) and _is_of_era(state, era):
            view = field.removeprefix(STATE_PREFIX).rpartition(b":")[0].decode()
            kept.update((field, timestamp_field(view)), _feature_fields(plan, view))
    return [field for field in fields if field not in kept]


def _feature_fields(plan: Plan, name: str) -> Iterator[bytes]:
    for view in plan.views:
        if view.name == name:
            yield from (field_name(name, feature) for feature in view.feature_names)


def _era(erasures: Erasures, entity: Mapping[str, KeyValue]) -> int:
    eras = erasures.eras_of(list(entity))
    return 0 if eras is None else eras.era(list(entity.values()))


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
