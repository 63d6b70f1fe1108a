"""Many small files become one: sixteen neighbours of one level make one of the next."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa

from features.errors import LakeCorruptError
from features.lake.files import FileFacts, LakeFile, LakeFiles, Place, VanishedError

FAN_IN = 16
MAX_BYTES = 128 * 2**20


class Entry(NamedTuple):
    """A file and its footer."""

    file: LakeFile
    facts: FileFacts


class Compactor:
    """Keeps the files of one partition few: about fifteen of each size, sizes sixteen-fold apart.

    Parameters
    ----------
    files, place
        The lake's files and the partition.
    clean
        Empties stored rows of entities that have been forgotten meanwhile.

    """

    def __init__(self, files: LakeFiles, place: Place, clean: Callable[[Place, pa.Table], pa.Table]) -> None:
        self._files = files
        self._place = place
        self._clean = clean
        self._run = self._remember()

    def began(self, first: int) -> int:
        """First offset that was ever written of the partition, a file that begins at ``first`` included."""
        return min([first, *(entry.facts.began for entry in self._run)])

    def add(self, file: LakeFile, facts: FileFacts) -> None:
        """Take note of a new file, and merge where it completes a group."""
        self._run.append(Entry(file, facts))
        while len(group := self._run[-FAN_IN:]) == FAN_IN and _belong_together(group):
            del self._run[-FAN_IN:]
            if sum(entry.file.size for entry in group) > MAX_BYTES:
                return
            try:
                self._run.append(self._merge(group))
            except (LakeCorruptError, VanishedError):
                return  # not the new file's fault: readers and `check` will name it, or another writer was faster

    def _merge(self, group: list[Entry]) -> Entry:
        tables = [self._files.read(entry.file)[1] for entry in group]
        for entry, table in zip(group, tables, strict=True):
            if len(table) != entry.facts.rows:  # merged, the loss would no longer show
                raise LakeCorruptError(
                    entry.file.path, f"has {len(table)} rows, it was written with {entry.facts.rows}"
                )
        table = self._clean(self._place, pa.concat_tables(tables))
        first, last = group[0].facts, group[-1].facts
        facts = FileFacts(
            source=first.source,
            began=min(entry.facts.began for entry in group),
            first=first.first,
            next=last.next,
            rows=len(table),
            level=first.level + 1,
        )
        merged = self._files.write(self._place, facts, table)
        for entry in group:
            self._files.delete(entry.file)
        return Entry(merged, facts)

    def _remember(self) -> list[Entry]:
        """Files of an earlier process; none where one of them cannot be read."""
        try:
            return [Entry(file, self._files.facts(file)) for file in self._files.of(self._place)]
        except (LakeCorruptError, VanishedError):
            return []


def _belong_together(group: list[Entry]) -> bool:
    """Whether files follow one another without gap or overlap, in one declaration and level."""
    kind = {(entry.facts.source, entry.facts.level) for entry in group}
    return len(kind) == 1 and all(one.file.next == other.file.first for one, other in pairwise(group))
