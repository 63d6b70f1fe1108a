"""Entities in memory: which rows of a batch are whose, and a bounded cache of their states."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, Final

from features.plan import SourcePlan, ViewPlan


class Entity:
    """One entity in one view: what of it stands in the store (empty: nothing), and how often it was forgotten.

    Kept as bytes, for those need no more room than they have and no collector looks at them; a state is made of them
    while events are folded in.
    """

    __slots__ = ("era", "key", "stored")

    def __init__(self, key: bytes, stored: bytes, era: int) -> None:
        self.key = key
        self.stored = stored
        self.era = era

    @property
    def n_bytes(self) -> int:
        """How much memory it takes, apart from its place in a cache."""
        return _ENTITY_BYTES + len(self.key) + len(self.stored)


_ENTITY_BYTES: Final = sys.getsizeof(Entity(b"", b"", 0)) + 2 * sys.getsizeof(b"")


class EntityCache:
    """The entities used last, by the values of their join keys."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entities: OrderedDict[Hashable, Entity] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entities)

    def get(self, key: Hashable) -> Entity | None:
        """The entity, as the one used last; None when it is not here."""
        entity = self._entities.get(key)
        if entity is not None:
            self._entities.move_to_end(key)
        return entity

    def put(self, key: Hashable, entity: Entity) -> None:
        """Keep it as the one used last, and forget the one used longest ago when there are too many."""
        self._entities[key] = entity
        self._entities.move_to_end(key)
        if len(self._entities) > self._size:
            self._entities.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._entities.clear()


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
