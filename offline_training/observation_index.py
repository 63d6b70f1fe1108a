"""Which observation a score belongs to: the first of its entity at or after the score's instant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence

from features.nouns import KeyValue
from offline_training.observations import Observations


class ObservationIndex:
    """Finds observations by entity and time; ``keys`` are the join keys, in the order in which entities are asked."""

    def __init__(self, observations: Observations, keys: Sequence[str]) -> None:
        self._at_us: list[int] = observations.at_us.tolist()
        self._numbers: defaultdict[tuple[KeyValue, ...], list[int]] = defaultdict(list)
        for number, entity in enumerate(zip(*(observations.keys[name].to_pylist() for name in keys), strict=True)):
            self._numbers[entity].append(number)

    def first(self, entity: tuple[KeyValue, ...], as_of_us: int, *, within_us: int) -> Sequence[int]:
        """Its number, or several where they are of one instant; none where it begins later than within this time."""
        numbers = self._numbers.get(entity, [])
        begin = bisect_left(numbers, as_of_us, key=self._at_us.__getitem__)
        if begin == len(numbers) or self._at_us[numbers[begin]] - as_of_us > within_us:
            return ()
        at_us = self._at_us[numbers[begin]]
        return numbers[begin : bisect_right(numbers, at_us, lo=begin, key=self._at_us.__getitem__)]
