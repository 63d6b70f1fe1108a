"""Entities in memory: which rows of a batch are whose, and a bounded cache of their states."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Sequence
from sys import getsizeof
from typing import Any, Final

from features.plan import SourcePlan, ViewPlan


class Entity:
    """One entity in one view: what of it stands in the store (empty: nothing), and how often it was forgotten.

    Kept as bytes, for those need no more room than they have and no collector looks at them; a state is made of them
    while events are folded in.
    """

    __slots__ = ("counted", "era", "key", "stored")

    def __init__(self, key: bytes, stored: bytes, era: int) -> None:
        self.key = key
        self.stored = stored
        self.era = era
        self.counted = 0
        """The bytes that a cache counts it with while it is in there."""

    @property
    def n_bytes(self) -> int:
        """How much memory it takes, apart from its place in a cache."""
        return _ENTITY_BYTES + len(self.key) + len(self.stored)


_ENTITY_BYTES: Final = getsizeof(Entity(b"", b"", 0)) + 2 * getsizeof(b"")


PLACE_BYTES: Final = 190
"""What an entity's place in a cache takes beside the values of its join keys."""


class EntityCache:
    """The entities used last, by the values of their join keys, in a bounded part of memory.

    Parameters
    ----------
    max_bytes
        How much they may take in all; the one used last stays in any case.

    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entities: OrderedDict[Hashable, Entity] = OrderedDict()
        self.n_bytes = 0
        """How much they take."""

    def __len__(self) -> int:
        return len(self._entities)

    def get(self, key: Hashable) -> Entity | None:
        """The entity, as the one used last; None when it is not here."""
        entity = self._entities.get(key)
        if entity is not None:
            self._entities.move_to_end(key)
        return entity

    def put(self, key: Hashable, entity: Entity) -> None:
        """Keep it, as large as it is now, as the one used last; forget those used longest ago that have no room."""
        entities = self._entities
        before = entities.get(key)
        entities[key] = entity
        entities.move_to_end(key)
        self.n_bytes -= 0 if before is None else before.counted
        entity.counted = PLACE_BYTES + getsizeof(key) + entity.n_bytes
        self.n_bytes += entity.counted
        while self.n_bytes > self._max_bytes and len(entities) > 1:
            _, forgotten = entities.popitem(last=False)
            self.n_bytes -= forgotten.counted

    def clear(self) -> None:
        """Forget all."""
        self._entities.clear()
        self.n_bytes = 0


class Grouping:
    """Finds the entity of each row of a source, for one view."""

    def __init__(self, view: ViewPlan, source: SourcePlan) -> None:
        names = [column.name for column in source.columns]
        self._ordinals = [names.index(key.name) for key in view.keys]
        self._single = len(self._ordinals) == 1

    def group(self, rows: Sequence[Sequence[Any] | None]) -> dict[Hashable, list[int]]:
        """Indexes of the valid rows by join key values, in order; those with a null key under None."""
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        if self._single:
            ordinal = self._ordinals[0]
            for i, row in enumerate(rows):
                if row is not None:
                    groups[row[ordinal]].append(i)
            return groups
        for i, row in enumerate(rows):
            if row is not None:
                key = tuple(row[ordinal] for ordinal in self._ordinals)
                groups[None if None in key else key].append(i)
        return groups

    def values(self, key: Hashable) -> tuple[Any, ...]:
        """The join key values behind a group's key."""
        return (key,) if self._single else key  # type: ignore[return-value]  # a tuple where keys are several
