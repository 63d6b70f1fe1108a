"""Carries erasures out in the lake's files: each that shows rows of forgotten entities is written anew without them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from features.erasure import Erasures
from features.lake.erasing import emptied, find_rows
from features.lake.files import LakeFile, LakeFiles, Place
from features.lake.record_names import RecordNames


class Swept(NamedTuple):
    """How many files were read, and in how many of them how many rows were found; and rows that nobody can read."""

    searched: int = 0
    found_in: int = 0
    rows: int = 0
    unsearchable: int = 0

    def __add__(self, other: object) -> Swept:
        """Both together."""
        if not isinstance(other, Swept):
            return NotImplemented
        return Swept(*map(sum, zip(self, other, strict=True)))


def sweep(files: LakeFiles, erasures: Erasures, readers: Mapping[str, RecordNames], *, rewrite: bool) -> Swept:
    """Look through every file of the lake for rows of forgotten entities, and write those anew that have some."""
    swept = Swept()
    for place in files.places():
        swept += files.use(
            place, partial(_sweep_place, files, place, erasures, readers.get(place.topic), rewrite=rewrite)
        )
    return swept


def _sweep_place(
    files: LakeFiles,
    place: Place,
    erasures: Erasures,
    reader: RecordNames | None,
    listed: list[LakeFile],
    *,
    rewrite: bool,
) -> Swept:
    swept = Swept()
    for file in listed:
        facts, table = files.read(file)
        found, unsearchable = find_rows(erasures, place, table, reader)
        swept += Swept(1, bool(found), len(found), len(unsearchable))
        if found and rewrite:
            fresh = files.write(place, facts, emptied(table, found))
            if any(other.path != fresh.path and _covers(other, fresh) for other in files.of(place)):
                files.delete(fresh)  # it was merged into another meanwhile, which the next look will find
    return swept


def _covers(one: LakeFile, other: LakeFile) -> bool:
    return one.first <= other.first and other.next <= one.next
