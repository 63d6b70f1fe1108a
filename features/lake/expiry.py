"""Drops what a topic's retention no longer keeps: whole files, from the beginning of a partition on.

An empty file takes their place, that covers their offsets and says up to which time records were dropped. So nothing
is taken for a gap, and where the lake ends, and reading begins, stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import pyarrow.compute as pc

from features.lake.files import LakeFile, LakeFiles, Place, coverage

OUTSIDE = 1 << 16
"""Level of the empty file, so that it is never merged with others."""


class Expired(NamedTuple):
    """What was dropped."""

    files: int = 0
    rows: int = 0


def expire(files: LakeFiles, topic: str, before_us: int) -> Expired:
    """Drop the files of a topic all of whose records are older than an instant, by event time and by arrival."""
    dropped = [files.use(place, partial(_expire_place, files, place, before_us)) for place in files.places(topic)]
    return Expired(sum(each.files for each in dropped), sum(each.rows for each in dropped))


def dropped_until_us(files: LakeFiles, topic: str) -> int | None:
    """Newest event time or arrival among the records of a topic that were dropped; None where none were."""
    found = [
        facts.dropped_until_us
        for place in files.places(topic)
        for facts in files.use(place, lambda listed: [files.facts(file) for file in listed[:1]])
        if facts.dropped_until_us is not None
    ]
    return max(found, default=None)


def _expire_place(files: LakeFiles, place: Place, before_us: int, listed: list[LakeFile]) -> Expired:
    old, until_us, n_rows = [], -1, 0
    for file in _prefix(listed):
        facts, table = files.read(file)
        times = [pc.max(table.column(name)).as_py() for name in ("kafka_us", "event_us")]
        newest_us = max((at for at in (*times, facts.dropped_until_us) if at is not None), default=-1)
        if newest_us >= before_us:
            break
        old.append((file, facts, table))
        until_us, n_rows = max(until_us, newest_us), n_rows + len(table)
    if not n_rows:
        return Expired()
    first, last = old[0][0], max((file for file, _, _ in old), key=lambda file: file.next)
    _, facts, table = old[-1]
    stub = msgspec.structs.replace(
        facts, first=first.first, next=last.next, rows=0, level=OUTSIDE, dropped_until_us=until_us
    )
    written = files.write(place, stub, table.slice(0, 0))
    for file, _, _ in old:
        if file.path != written.path:
            files.delete(file)
    return Expired(sum(facts.dropped_until_us is None for _, facts, _ in old), n_rows)


def _prefix(listed: Sequence[LakeFile]) -> list[LakeFile]:
    """The files before the first gap."""
    covered = coverage(list(listed))
    return [file for file in listed if covered and file.next <= covered[0].next]
