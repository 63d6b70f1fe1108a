"""Erasures: entities whose events up to certain positions count no more, known by a keyed hash alone.

An erasure names the join keys, a hash of their values under a secret key of the site, and per partition the first
offset that counts again. Nothing in it tells who was forgotten, and yet every reader that holds the key finds the
entity's rows. Erasures are only ever added; what someone knows of them is an `Erasures`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping, MutableSequence, Sequence
from itertools import product
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from features.decode import Decoded
from features.errors import SettingsError
from features.nouns import SCORES_TOPIC, KeyValue, ScoreRecord, Struct
from features.plan import SourcePlan

KNOWN: Final = 100_000
"""Hashes of entities that are remembered, so that each is computed once in a while."""

GRACE_US: Final = 60_000_000
"""How long after an erasure was recorded what is served of bystanders may still rest on the erased events."""

ERASED: Final = "erased"
"""Reason of a row whose record was erased: position and arrival are kept, so that no gap shows."""

Ends: TypeAlias = Mapping[str, Mapping[str, Mapping[int, int]]]
"""Topic → log → partition → first offset that counts again."""

Names: TypeAlias = Callable[[int, Sequence[str]], Iterable[tuple[str, ...]] | None]
"""Entities that the record at an index names, by the values of join keys; None where nobody can read it."""

KeyColumn: TypeAlias = Sequence[Any] | None
"""A join key's values, one a row; None where the topic does not declare it."""


class Erasure(Struct, frozen=True, kw_only=True):
    """One entity forgotten.

    ``bystanders`` are hashes, by view, of other entities whose states the erased events had gone into; what was served
    of them until then cannot be proven any more. ``carried_out``: the lake's files have been rewritten, so its readers
    need not look.
    """

    format: Literal[1] = 1
    id: str
    keys: tuple[str, ...]
    hash: str
    at_us: int
    ends: Ends
    bystanders: Mapping[str, tuple[str, ...]] = {}
    carried_out: bool = False

    def end(self, topic: str, log: str, partition: int) -> int:
        """First offset of a partition that counts again; 0 where nothing is left out."""
        return self.ends.get(topic, {}).get(log, {}).get(partition, 0)


def hash_entity(key: bytes, entity: Mapping[str, KeyValue]) -> str:
    """The hash by which an entity is known once it is forgotten.

    Parameters
    ----------
    key
        Secret of the site.
    entity
        Join keys and their values; a number counts as its decimal text.

    Returns
    -------
    str
        HMAC-SHA-256, 64 hexadecimal digits.

    Examples
    --------
    >>> hash_entity(b"secret", {"shop": 7, "visitor": "ann"}) == hash_entity(b"secret", {"visitor": "ann", "shop": 7})
    True

    """
    pairs = sorted((name, str(value)) for name, value in entity.items())
    return hmac.digest(key, msgspec.json.encode(pairs), "sha256").hex()


class Found(NamedTuple):
    """Rows of forgotten entities, by index, and refused ones that nobody can read, so that whose they are is open."""

    rows: list[int]
    unsearchable: list[int]


class Erasures:
    """What someone knows of the site's erasures.

    Parameters
    ----------
    records
        The erasures, each once.
    key
        Secret of the site; asked for only where there are records.

    Raises
    ------
    SettingsError
        There are erasures and no key to find their entities with.

    """

    def __init__(self, records: Iterable[Erasure] = (), key: bytes | None = None) -> None:
        self.records = tuple(sorted(records, key=lambda record: (record.at_us, record.id)))
        if self.records and key is None:
            raise SettingsError(
                "MILLSTREAM_LAKE__ERASURE_KEY",
                "entities have been forgotten here, and the key that finds them is not there",
                "set it, or bring back erasure.key of the state folder",
            )
        self._key = key or b""
        self._ends: dict[tuple[str, str, int], list[_Ends]] = {}

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> frozenset[str]:
        """Which they are. More may become known of an erasure, but never where the events of a source count again."""
        return frozenset(record.id for record in self.records)

    def pending(self) -> Erasures:
        """Those that the lake's files may still show."""
        return Erasures((record for record in self.records if not record.carried_out), self._key or None)

    def without_keys_in(self, names: Sequence[str]) -> Erasures:
        """Those of other entities than have these join keys."""
        others = (record for record in self.records if not set(record.keys) <= set(names))
        return Erasures(others, self._key or None)

    def eras_of(self, names: Sequence[str]) -> Eras | None:
        """Lives of the entities with these join keys; None where none of them was ever forgotten."""
        concerned = [record for record in self.records if set(record.keys) <= set(names)]
        return Eras(names, concerned, self._key) if concerned else None

    def had_bystander(self, view: str, entity: Mapping[str, KeyValue], at_us: int) -> bool:
        """Whether erased events had gone into what a view said of this entity at that instant."""
        return any(
            at_us <= record.at_us + GRACE_US
            and view in record.bystanders
            and hash_entity(self._key, entity) in record.bystanders[view]
            for record in self.records
        )

    def only(self, ids: Collection[str]) -> Erasures:
        """Those with these ids."""
        return Erasures((record for record in self.records if record.id in ids), self._key or None)

    def each(self) -> list[Erasures]:
        """Every erasure alone."""
        return [Erasures([record], self._key) for record in self.records]

    def hash(self, entity: Mapping[str, KeyValue]) -> str:
        """The entity's hash under the site's key."""
        return hash_entity(self._key, entity)

    def reach(self, topic: str, log: str, partition: int) -> int:
        """Offset from which on a partition has nothing to leave out."""
        return max((ends.reach for ends in self._ends_in((topic, log, partition))), default=0)

    def find(
        self,
        place: tuple[str, str, int],
        offsets: Sequence[int],
        values: Sequence[bytes | None],
        column: Callable[[str], KeyColumn],
        refused: Callable[[int], bool],
        names: Names | None = None,
    ) -> Found:
        """Which rows of a partition belong to forgotten entities.

        Parameters
        ----------
        place
            Topic, log and partition.
        offsets, values
            Positions and raw values of the rows.
        column
            Gives a join key's values, one a row, where the topic declares it.
        refused
            Whether the row at an index was refused, so that only its raw value tells whose it is.
        names
            Reads raw values; none: they are text.

        Returns
        -------
        Found
            Indexes, ascending.

        """
        found: set[int] = set()
        unsearchable: set[int] = set()
        for ends in self._ends_in(place):
            keys = ends.keys
            columns = [listed for name in keys if (listed := column(name)) is not None]
            for i, offset in enumerate(offsets):
                value = values[i]
                if value is None or not ends.may_cover(offset):
                    continue
                named: Iterable[tuple[str, ...]] | None
                if len(columns) == len(keys) and not refused(i):
                    named = [tuple(str(listed[i]) for listed in columns if listed[i] is not None)]
                else:
                    named = named_in(value, keys) if names is None else names(i, keys)
                if named is None:
                    unsearchable.add(i)
                elif any(ends.cover(entity, offset, value) for entity in named):
                    found.add(i)
        return Found(sorted(found), sorted(unsearchable - found))

    def _ends_in(self, place: tuple[str, str, int]) -> list[_Ends]:
        found = self._ends.get(place)
        if found is None:
            by_keys: dict[tuple[str, ...], list[Erasure]] = {}
            for record in self.records:
                by_keys.setdefault(record.keys, []).append(record)
            found = self._ends[place] = [_Ends(records, self._key, place) for records in by_keys.values()]
        return found

    def erase_batch(
        self,
        source: SourcePlan,
        place: tuple[str, int],
        offsets: Sequence[int],
        values: MutableSequence[bytes | None],
        decoded: Decoded,
    ) -> None:
        """Make the rows of forgotten entities in a decoded batch empty ones, in place."""
        where = (source.topic, *place)
        if not offsets or (source.topic != SCORES_TOPIC and offsets[0] >= self.reach(*where)):
            return
        names = [each.name for each in source.stored]

        def column(name: str) -> KeyColumn:
            if name not in names:
                return None
            ordinal = names.index(name)
            return [None if row is None else row[ordinal] for row in decoded.raw]

        for i in self.find(where, offsets, values, column, lambda i: decoded.raw[i] is None).rows:
            values[i] = decoded.raw[i] = decoded.columns[i] = None
            decoded.event_us[i] = -1
            decoded.reasons[i] = ERASED


NO_ERASURES: Final = Erasures()


class Eras:
    """Tells in which life an entity is: how often it has been forgotten.

    Parameters
    ----------
    names
        Join keys, in the order in which their values are given.
    records
        The erasures that may concern such entities.
    key
        Secret of the site.

    """

    def __init__(self, names: Sequence[str], records: Sequence[Erasure], key: bytes) -> None:
        self._names = names
        self._key = key
        self._times: dict[tuple[str, ...], dict[str, list[int]]] = {}
        for record in records:
            self._times.setdefault(record.keys, {}).setdefault(record.hash, []).append(record.at_us)

    def era(self, values: Sequence[KeyValue]) -> int:
        """How often the entity with these join key values has been forgotten."""
        return len(self.forgotten_at_us(values))

    def forgotten_at_us(self, values: Sequence[KeyValue]) -> list[int]:
        """When the entity with these join key values was forgotten, each time."""
        entity = dict(zip(self._names, values, strict=True))
        return [
            at_us
            for keys, times in self._times.items()
            for at_us in times.get(hash_entity(self._key, {name: entity[name] for name in keys}), ())
        ]


def named_in(value: bytes, keys: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """Entities that a raw value names, though it may not be a whole JSON document.

    Examples
    --------
    >>> list(named_in(b'{"entity": {"visitor": "ann", "shop": 7}, "n', ["visitor", "shop"]))
    [('ann', '7')]

    """
    return product(*(_values_of(value, key) for key in keys))


def _values_of(value: bytes, key: str) -> list[str]:
    found = []
    for token in re.findall(rb'"%b"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)' % re.escape(key.encode()), value):
        try:
            found.append(str(msgspec.json.decode(token)))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


class _Ends:
    """Where the entities of some erasures, all of the same join keys, count again in one partition."""

    def __init__(self, records: Sequence[Erasure], key: bytes, place: tuple[str, str, int]) -> None:
        self._records = records
        self.keys = records[0].keys
        self._key = key
        self._ends = dict.fromkeys((record.hash for record in records), 0)
        for record in records:
            self._ends[record.hash] = max(self._ends[record.hash], record.end(*place))
        self._known: dict[tuple[str, ...], str] = {}
        self.reach = max(self._ends.values())
        self._scores = place[0] == SCORES_TOPIC

    def may_cover(self, offset: int) -> bool:
        """Whether any row there may be erased; a score may rest on erased events wherever its record stands."""
        return self._scores or offset < self.reach

    def cover(self, entity: tuple[str, ...], offset: int, value: bytes) -> bool:
        """Whether an entity's row at this offset is erased."""
        if len(entity) != len(self.keys):
            return False
        found = self._known.get(entity)
        if found is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            found = self._known[entity] = hash_entity(self._key, dict(zip(self.keys, entity, strict=True)))
        if offset < self._ends.get(found, 0):
            return True
        return self._scores and found in self._ends and self._rests_on_erased(found, value)

    def _rests_on_erased(self, found: str, value: bytes) -> bool:
        """Whether a score was computed from a state of before the erasure."""
        try:
            record = msgspec.json.decode(value, type=ScoreRecord)
        except msgspec.MsgspecError:
            return False
        read = {position for reading in record.views for position in reading.positions}
        return any(
            offset < logs.get(log, {}).get(partition, 0)
            for erasure in self._records
            if erasure.hash == found
            for logs in erasure.ends.values()
            for log, partition, offset in read
        )
