"""Merging partitions in the order of time while catching up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class TimeOrder(Generic[T]):
    """Hands out the records of many partitions oldest first.

    A consumer that catches up gets a stretch of one partition, then a stretch of another. Read like that, yesterday
    follows today and a change detector sees changes that never were. So a record waits until every other partition has
    shown a later one, or has nothing more to give.

    Examples
    --------
    >>> order = TimeOrder()
    >>> order.include(0); order.include(1)
    >>> order.add(0, 30, "c"); order.add(0, 40, "d")
    >>> list(order.ready())
    []
    >>> order.add(1, 20, "b")
    >>> list(order.ready())
    ['b']
    >>> order.at_end(1)
    >>> list(order.ready())
    ['c', 'd']

    References
    ----------
    Apache Kafka, KIP-695 "Improve partition time synchronization" (Kafka Streams chooses records in this way).

    """

    def __init__(self) -> None:
        self._waiting: dict[int, deque[tuple[int, T]]] = {}
        self._at_end: set[int] = set()

    def include(self, partition: int) -> None:
        """Wait for this partition too from now on.

        Parameters
        ----------
        partition
            One that was not included before.

        """
        self._waiting[partition] = deque()

    def add(self, partition: int, time: int, record: T) -> None:
        """Take a record.

        Parameters
        ----------
        partition
            Where it comes from.
        time
            Its Kafka timestamp, in any unit.
        record
            What is handed out again.

        """
        self._waiting[partition].append((time, record))
        self._at_end.discard(partition)

    def at_end(self, partition: int) -> None:
        """Note that a partition has nothing more to give for now; its next record revokes that.

        Parameters
        ----------
        partition
            Which one.

        """
        self._at_end.add(partition)

    def waiting(self, partition: int) -> int:
        """How many records of a partition wait for the others.

        Parameters
        ----------
        partition
            Which one.

        Returns
        -------
        int
            For the caller to stop fetching where it grows.

        """
        return len(self._waiting[partition])

    def ready(self) -> Iterator[T]:
        """Records that are next in time.

        Yields
        ------
        T
            Oldest first; within a partition in the order of arrival.

        """
        while all(queue or partition in self._at_end for partition, queue in self._waiting.items()):
            heads = [(queue[0][0], partition) for partition, queue in self._waiting.items() if queue]
            if not heads:
                return
            yield self._waiting[min(heads)[1]].popleft()[1]
