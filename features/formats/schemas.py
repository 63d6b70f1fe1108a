"""The schemas that records were written with: asked for once, kept for ever beside the records.

A schema registry never changes the schema of an id. What it does not know it may learn, though; so that a record's
fate is the same whenever it is read, the book also keeps up to which Kafka timestamp an id was unknown: a record from
before that stays refused, and one sent again later is looked at anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from features.errors import UnavailableError

NEVER = -(2**63)
"""Before any Kafka timestamp."""


class WriterSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A schema of a registry; ``references`` are the texts of those that it builds on, in their order."""

    kind: str
    text: str
    references: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an id: its schema, if it has one, and the Kafka timestamp up to which it had none."""

    schema: WriterSchema | None
    unknown_through_us: int = NEVER


class Registry(Protocol):
    """A schema registry."""

    def schema(self, schema_id: int) -> WriterSchema | None:
        """The schema of an id; None if there is none, UnavailableError if nobody answers."""
        ...


class Shelf(Protocol):
    """Where entries are kept."""

    def read(self, schema_id: int) -> bytes | None:
        """What was written under an id."""
        ...

    def write(self, schema_id: int, content: bytes) -> None:
        """Keep it; durable when this returns."""
        ...


class SchemaBook:
    """Schemas by id: those in memory, those kept, and those that a registry can be asked for.

    Parameters
    ----------
    shelf
        Where they are kept.

    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._registry: Registry | None = None
        self._entries: dict[int, Entry] = {}

    def ask(self, registry: Registry) -> None:
        """Ask this registry for what is not kept, from now on."""
        self._registry = registry

    def lacks(self, schema_id: int, kafka_us: int) -> bool:
        """Whether `get` needs `learn` first, for a record of that Kafka timestamp."""
        entry = self._entries.get(schema_id)
        return entry is None or (entry.schema is None and kafka_us > entry.unknown_through_us)

    def get(self, schema_id: int, kafka_us: int) -> WriterSchema | None:
        """The schema of a record's id, None if the id was unknown when the record came; KeyError if it is lacking."""
        entry = self._entries[schema_id]
        return None if kafka_us <= entry.unknown_through_us else entry.schema

    def learn(self, wanted: Mapping[int, int]) -> None:
        """Find out about ids, each up to a Kafka timestamp, and keep what was found.

        Parameters
        ----------
        wanted
            The newest Kafka timestamp of a record with each id.

        Raises
        ------
        UnavailableError
            The registry does not answer, or there is none to ask; nothing is decided then.

        """
        for schema_id, kafka_us in wanted.items():
            kept = self._shelf.read(schema_id)
            if kept is not None:
                self._entries[schema_id] = msgspec.json.decode(kept, type=Entry)
            if self.lacks(schema_id, kafka_us):
                self._entries[schema_id] = self._asked(schema_id, kafka_us)

    def _asked(self, schema_id: int, kafka_us: int) -> Entry:
        if self._registry is None:
            raise UnavailableError(
                "schema registry", f"schema {schema_id} is not kept here; set MILLSTREAM_SCHEMA_REGISTRY__URL"
            )
        known = self._entries.get(schema_id)
        schema = self._registry.schema(schema_id)
        through_us = known.unknown_through_us if known is not None else NEVER
        entry = Entry(schema=schema, unknown_through_us=kafka_us if schema is None else through_us)
        self._shelf.write(schema_id, msgspec.json.encode(entry))
        return entry


class MemoryShelf:
    """Keeps entries in memory, for decoders that no lake stands behind."""

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}

    def read(self, schema_id: int) -> bytes | None:
        """See `Shelf.read`."""
        return self._kept.get(schema_id)

    def write(self, schema_id: int, content: bytes) -> None:
        """See `Shelf.write`."""
        self._kept[schema_id] = content
