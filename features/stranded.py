"""Records that states lack and no worker can read again: the store forgot them, and their log is at the broker no more.

A worker reads again what the store has forgotten. It cannot once the topic was made anew; then the lake alone has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from features.bootstrap import birth_of
from features.plan import ViewPlan
from features.store import Certificate, ProgressKey


class LakeLogs(Protocol):
    """The part of the lake that tells what it holds."""

    def logs(self, topic: str) -> dict[str, list[int]]:
        """Partitions of each log."""
        ...

    def end(self, topic: str, log: str, partition: int) -> int | None:
        """Next offset after the covered prefix."""
        ...


class Stranded(NamedTuple):
    """Records ``first`` to ``next`` - 1 of a log that is gone: the lake holds them, the progress of a view does not."""

    view: str
    log: str
    partition: int
    first: int
    next: int

    def __str__(self) -> str:
        """For whoever must cure it."""
        records = f"records {self.first} to {self.next - 1} of {self.log}/{self.partition}"
        return (
            f"states of view {self.view} may lack {records}, a log that the broker has no more and the lake has: "
            "run `millstream backfill --to-online --rebuild`"
        )


def find_stranded(
    *,
    certificate: Certificate,
    progress: Mapping[ProgressKey, int],
    lake: LakeLogs,
    views: Sequence[ViewPlan],
    topic: str,
    log: str,
) -> list[Stranded]:
    """What the births of these views lack for good.

    Parameters
    ----------
    certificate, progress
        As every shard carries them.
    lake
        Where the records still are.
    views
        Views that the topic feeds.
    topic, log
        The topic, and the log that it is now: that one can be read again.

    Returns
    -------
    list of Stranded
        Empty where progress, or where there is none the cut, has reached the lake's end in every log that is gone.

    Raises
    ------
    BirthMissingError
        The store does not carry the births of these views.

    """
    births = [birth_of(certificate, view) for view in views]
    starts = {adopted.log: adopted.start for adopted in certificate.logs if adopted.topic == topic}
    found = []
    for gone, partitions in lake.logs(topic).items() if births else ():
        for partition in partitions if gone != log else ():
            end = lake.end(topic, gone, partition) or 0
            for birth in births:
                start = starts.get(gone, {}).get(partition, 0)  # what lies before was given up
                cut = birth.cut.get(gone, {}).get(partition, start)
                reached = max(start, progress.get((birth.id, gone, partition), cut))
                if reached < end:
                    found.append(Stranded(birth.view, gone, partition, reached, end))
    return found
