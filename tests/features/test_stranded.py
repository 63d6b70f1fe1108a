"""Records that no worker can read again."""

from __future__ import annotations

from features.nouns import Partition
from features.store import AdoptedLog, Birth, Certificate, ProgressKey
from features.stranded import Stranded, find_stranded
from tests.streams.shop import LOG, OTHER_LOG, TOPIC, view

VIEW, SECOND = view(), view("habit", "1123456789abcdef")


class Ends:
    """A lake, by where it ends."""

    def __init__(self, ends: dict[Partition, int]) -> None:
        self._ends = ends

    def logs(self, topic: str) -> dict[str, list[int]]:
        logs: dict[str, list[int]] = {}
        for log, partition in self._ends:
            logs.setdefault(log, []).append(partition)
        return logs

    def end(self, topic: str, log: str, partition: int) -> int | None:
        return self._ends.get((log, partition))


def found(
    ends: dict[Partition, int],
    progress: dict[ProgressKey, int],
    *,
    cut: dict[str, dict[int, int]] | None = None,
    start: dict[int, int] | None = None,
) -> list[Stranded]:
    births = [
        Birth(view=one.name, view_hash=one.hash, id=one.name, cut=cut or {}, serving=True) for one in (VIEW, SECOND)
    ]
    logs = (AdoptedLog(topic=TOPIC, log=OTHER_LOG, start=start or {}), AdoptedLog(topic=TOPIC, log=LOG, start={}))
    return find_stranded(
        certificate=Certificate(births=tuple(births), logs=logs),
        progress=progress,
        lake=Ends(ends),
        views=[VIEW, SECOND],
        topic=TOPIC,
        log=LOG,
    )


def test_what_can_be_read_again_is_not_stranded() -> None:
    """The log that the topic is now, however far behind its progress."""
    assert found({(LOG, 0): 90}, {("spend", LOG, 0): 5}) == []


def test_each_view_and_partition_counts_for_itself() -> None:
    """One that has reached the lake's end lacks nothing; one without a mark has reached its cut."""
    marks = {("spend", OTHER_LOG, 0): 90, ("spend", OTHER_LOG, 1): 89, ("habit", OTHER_LOG, 1): 90}
    assert found({(OTHER_LOG, 0): 90, (OTHER_LOG, 1): 90}, marks, cut={OTHER_LOG: {0: 70}}) == [
        Stranded("habit", OTHER_LOG, 0, 70, 90),
        Stranded("spend", OTHER_LOG, 1, 89, 90),
    ]


def test_what_was_given_up_is_not_stranded() -> None:
    """A log adopted from later on was not to be read before that."""
    assert found({(OTHER_LOG, 0): 90}, {}, start={0: 90}) == []


def test_a_log_that_the_lake_does_not_hold_hides_nothing() -> None:
    """Nothing of it was ever read."""
    assert found({}, {}) == []
