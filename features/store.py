"""The online store as the rooms see it: states written by compare-and-set, births, progress.

Two implementations pass one contract suite (`tests/contracts/test_store.py`): `features.redis_store` and
`features.memory_store`. Names of keys and fields are in `features.feast_layout`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from features.erasure import Erasure
from features.nouns import Struct


class StateWrite(NamedTuple):
    """One compare-and-set.

    ``expected`` is the head (`features.state.head_of`: version, repair counter, positions) of the state that
    ``state`` was computed from, empty where there was none. ``feast_fields`` alternates names and values.
    """

    key: bytes
    expected: bytes
    state: bytes
    feast_fields: Sequence[bytes]


class FeastWrite(NamedTuple):
    """One compare-and-set of Feast's fields of a view, without a state.

    ``expected`` is the view's timestamp field (``_ts:<view>``) as it stands, empty where there is none; ``fields``
    alternates names and values.
    """

    key: bytes
    expected: bytes
    fields: Sequence[bytes]


class Birth(Struct, frozen=True, kw_only=True):
    """The life of one view's states in the store.

    ``cut`` maps log → partition → first offset that the bootstrapped states do not hold. ``join_keys`` are the names
    of the entities' join keys: the birth ends with the deletion of all these entities, as ``feast teardown`` does it.
    ``features`` are the names of the view's features. Feast's fields of a view are one set for all its births:
    ``feast`` says whether they show this one. ``key_ttl_s`` is after how long without a write nothing of the view's
    entities is in any window of it any more, None: never. All births of an entity share its key, so it expires after
    the longest time that a certified birth has.
    """

    view: str
    view_hash: str
    id: str
    join_keys: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    cut: Mapping[str, Mapping[int, int]]
    serving: bool
    feast: bool = True
    key_ttl_s: int | None = None


class AdoptedLog(Struct, frozen=True, kw_only=True):
    """A log (topic id) that may be read, and where reading starts; a partition that is not named starts at 0."""

    topic: str
    log: str
    start: Mapping[int, int]


class Certificate(Struct, frozen=True, kw_only=True):
    """What every shard must carry before its states are written or read.

    ``dropped`` are births that were withdrawn and whose fields may still lie about, on any shard.
    """

    births: tuple[Birth, ...] = ()
    logs: tuple[AdoptedLog, ...] = ()
    dropped: tuple[Birth, ...] = ()
    erasures: tuple[Erasure, ...] = ()


ProgressKey = tuple[str, str, int]
"""(birth id, log, partition)."""


class Store(Protocol):
    """Async side: workers, bootstrap, command line. Each call raises StoreUnavailableError when cut off.

    A lost connection fails the calls in flight and is never replaced in silence: `connect` makes a new one and
    raises ``epoch`` by one, whereupon callers must forget what they cached.
    """

    epoch: int

    async def connect(self) -> None:
        """Open (or reopen) the connection to every shard."""
        ...

    async def close(self) -> None:
        """Close; calls in flight fail."""
        ...

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """For each key, the values of these hash fields, in one round trip."""
        ...

    async def read_states(self, view: str, birth: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Stored states, None where there is none."""
        ...

    async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        """Compare and set each; None where it was written, else the state that stands there (empty: none).

        Feast's fields are left out where the certificate says that they show another birth. Raises, with nothing
        written on that shard, BirthMissingError where the birth is not certified, and ErasureMissedError where more
        entities were forgotten than `know_erasures` was told.
        """
        ...

    async def bootstrap_states(
        self, view: str, birth: str, writes: Sequence[StateWrite], *, key_ttl_s: int | None = None
    ) -> list[bytes | None]:
        """Write states of a birth that is not certified yet; answers as `write_states`, asks for no certificate.

        From then on no writer lets an entity expire sooner than after ``key_ttl_s``, which the birth is to have.
        """
        ...

    async def write_feast_fields(
        self, view: str, writes: Sequence[FeastWrite], *, key_ttl_s: int | None = None
    ) -> list[bytes | None]:
        """Compare the timestamp of each and set Feast's fields; None where it was done, else the one that stands.

        States are not touched, and no birth is asked for: a store may hold nothing but Feast's fields. Entities expire
        as the births say, and after ``key_ttl_s`` where there are none. Raises ErasureMissedError as `write_states`.
        """
        ...

    async def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries."""
        ...

    async def write_birth(self, birth: Birth) -> None:
        """Certify a birth on every shard (or change its cut, ``serving`` or ``key_ttl_s``)."""
        ...

    async def drop_birth(self, view: str, birth: str) -> None:
        """Withdraw a certificate everywhere, and note that the birth is to be swept."""
        ...

    def entity_keys(self, join_keys: Sequence[str]) -> AsyncIterator[list[bytes]]:
        """Keys of all entities with these join keys, some at a time; a key may come twice."""
        ...

    async def delete_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> int:
        """Delete these hash fields of these entities; how many there were."""
        ...

    async def forget_birth(self, view: str, birth: str) -> None:
        """Note that a dropped birth has been swept."""
        ...

    async def adopt_log(self, log: AdoptedLog) -> None:
        """Certify on every shard that this log may be read from there on."""
        ...

    async def write_progress(self, marks: Mapping[ProgressKey, int]) -> None:
        """Set next offsets on every shard, after all earlier writes; raises as `write_states`."""
        ...

    async def read_progress(self) -> dict[ProgressKey, int]:
        """Least over the shards; a mark that some shard lacks is left out."""
        ...

    def know_erasures(self, n_erasures: int) -> None:
        """Write from now on as one who leaves out so many forgotten entities; none before the first call."""
        ...

    async def raise_erasure(self, erasure: Erasure) -> None:
        """Tell every shard of an erasure.

        From then on it refuses writers that do not know it. Progress that lies above the erasure's ends is set back
        to them, so that what those writers had added of the entity's later events is read again. One that is known
        already is put in the place of what was known of it.
        """
        ...

    async def read_entity_keys(self) -> list[bytes]:
        """Keys of all entities of the project."""
        ...

    async def read_entity(self, key: bytes) -> dict[bytes, bytes]:
        """All fields of an entity, Feast's and ours; empty where there is none."""
        ...

    async def erase_fields(self, key: bytes, heads: Mapping[bytes, bytes], fields: Sequence[bytes]) -> bool:
        """Delete fields of an entity, if its states still have these heads (by state field, empty: no state).

        False, with nothing deleted, where somebody wrote meanwhile.
        """
        ...

    async def rewrite_files(self) -> None:
        """Write the store's own files anew, so that they keep nothing of what was deleted; waits until it is done."""
        ...


class StoreReader(Protocol):
    """What a scorer needs of a `Store`.

    A reader that was cut off stays so. Callers open another, perhaps to a store that came back empty, so they must look
    at the certificate before they believe it.
    """

    async def connect(self) -> None:
        """Open the connection to every shard."""
        ...

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """For each key, the values of these hash fields, in one round trip."""
        ...

    async def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries."""
        ...

    async def close(self) -> None:
        """Close; calls in flight fail."""
        ...
