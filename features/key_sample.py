"""A seeded sample of entities, drawn from a stream of any length in memory for the sample alone."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from features.nouns import KeyValue


class KeySample:
    """The entities whose keyed hashes are the least of all that were offered.

    Each distinct entity is as likely to be among them as every other, however often it is offered. One that is in the
    sample at the end was in it from the first offer on, so whoever keeps what `offer` admits, and at the end drops what
    `holds` does not, has missed nothing.

    Parameters
    ----------
    size
        How many entities.
    seed
        Another seed is another sample; the same one draws the same entities from the same ones, in any order.

    Examples
    --------
    >>> sample = KeySample(2, seed=7)
    >>> admitted = [sample.offer({"user": user}) for user in range(100)]
    >>> sum(sample.holds({"user": user}) for user in range(100))
    2

    """

    def __init__(self, size: int, *, seed: int) -> None:
        self.size = size
        self._key = seed.to_bytes(16, "little", signed=True)
        self._held: set[int] = set()
        self._greatest_first: list[int] = []

    def offer(self, entity: Mapping[str, KeyValue]) -> bool:
        """Whether an entity is in the sample so far, once it has been offered.

        Parameters
        ----------
        entity
            Its join keys.

        Returns
        -------
        bool
            False is for good.

        """
        rank = self._rank(entity)
        if rank in self._held:
            return True
        if len(self._held) == self.size:
            if not self.size or rank > -self._greatest_first[0]:
                return False
            self._held.discard(-heapq.heappop(self._greatest_first))
        heapq.heappush(self._greatest_first, -rank)
        self._held.add(rank)
        return True

    def holds(self, entity: Mapping[str, KeyValue]) -> bool:
        """Whether an entity is in the sample now.

        Parameters
        ----------
        entity
            Its join keys.

        """
        return self._rank(entity) in self._held

    def _rank(self, entity: Mapping[str, KeyValue]) -> int:
        text = msgspec.json.encode(sorted(entity.items()))
        return int.from_bytes(blake2b(text, key=self._key, digest_size=8).digest(), "big")
