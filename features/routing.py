"""Routing: which arm of a model answers a request, decided by its routing key alone.

A keyed hash puts every routing key on a point of [0, 1), the same in every process and for ever. The challenger answers
those below its share, so that a share that grows moves only the keys between the old share and the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from features.errors import RequestError
from features.nouns import KeyValue

Arm: TypeAlias = Literal["champion", "challenger", "shadow"]
"""What a version of a model is there for; also the aliases of the registry."""

CHAMPION: Final[Arm] = "champion"
CHALLENGER: Final[Arm] = "challenger"
SHADOW: Final[Arm] = "shadow"
ARMS: Final[tuple[Arm, ...]] = get_args(Arm)


def arm_of(name: str) -> Arm:
    """The arm of that name.

    Parameters
    ----------
    name
        As a person wrote it.

    Returns
    -------
    Arm
        The same.

    Raises
    ------
    RequestError
        There is no such arm.

    """
    for arm in ARMS:
        if arm == name:
            return arm
    raise RequestError("--arm", f"{name!r} is no arm", f"say {', '.join(ARMS)}")


ROUTING_TAG: Final = "routing"
"""The tag of a registered model that holds its routing, as JSON."""

MAX_SALT_BYTES: Final = 64
_encode: Final = msgspec.json.Encoder().encode
_TWO_TO_53: Final = 1 << 53


class Routing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the requests for one model are shared out among its arms.

    Parameters
    ----------
    challenger
        Share of the routing keys that the challenger answers, from 0 to 1; the champion answers the others.
    shadow
        Share of the routing keys that the shadow scores too.
    salt
        Key of the hash: another salt deals all routing keys anew.
    by
        Join keys that make up the routing key; empty: all of the entity.

    Raises
    ------
    ValueError
        A share is not from 0 to 1, or the salt is too long.

    Examples
    --------
    >>> routing = Routing(challenger=0.2, salt="summer")
    >>> [routing.arm(routing.key({"user": user}, "")) for user in range(6)]
    ['champion', 'champion', 'champion', 'challenger', 'challenger', 'champion']

    """

    challenger: float = 0.0
    shadow: float = 1.0
    salt: str = ""
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, share in (("challenger", self.challenger), ("shadow", self.shadow)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}, a share is from 0 to 1")
        if len(self.salt.encode()) > MAX_SALT_BYTES:
            raise ValueError(f"salt is longer than {MAX_SALT_BYTES} bytes")

    def key(self, entity: Mapping[str, KeyValue], request_id: str, given: str = "") -> bytes:
        """The routing key of a request.

        Parameters
        ----------
        entity
            Join key to its value.
        request_id
            Takes the place of an entity that is empty, as where the caller supplied the vector.
        given
            What the caller wants the request routed by, which wins over both.

        Returns
        -------
        bytes
            JSON: the pairs of name and value, in the order of ``by`` or else of the names; or a text alone. A name
            that the entity lacks has null.

        """
        if given or not entity:
            return _encode(given or request_id)
        return _encode([(name, entity.get(name)) for name in self.by or sorted(entity)])

    def arm(self, key: bytes) -> Arm:
        """Champion or challenger, for a routing key.

        Parameters
        ----------
        key
            As `key` gives it.

        Returns
        -------
        Arm
            Who is to answer, where there is a challenger.

        """
        return CHALLENGER if point(key, salt=self.salt, purpose=CHALLENGER) < self.challenger else CHAMPION

    def is_shadowed(self, key: bytes) -> bool:
        """Whether the shadow scores a routing key too: drawn apart from who answers it.

        Parameters
        ----------
        key
            As `key` gives it.

        Returns
        -------
        bool
            True for the share ``shadow`` of all keys.

        """
        return self.shadow == 1 or point(key, salt=self.salt, purpose=SHADOW) < self.shadow


def point(key: bytes, *, salt: str, purpose: Arm) -> float:
    """Where a routing key lies on [0, 1).

    Parameters
    ----------
    key
        As `Routing.key` gives it.
    salt
        Key of the hash, at most 64 bytes of UTF-8.
    purpose
        What is drawn: different purposes draw independently.

    Returns
    -------
    float
        The first 53 bits of a keyed BLAKE2b, as a fraction.

    Examples
    --------
    >>> point(b'[["user",7]]', salt="summer", purpose="challenger")
    0.6615270795842009

    References
    ----------
    RFC 7693, "The BLAKE2 Cryptographic Hash and Message Authentication Code": keyed hashing.

    """
    digest = blake2b(key, digest_size=8, key=salt.encode(), person=purpose.encode()).digest()
    return (int.from_bytes(digest) >> 11) / _TWO_TO_53
