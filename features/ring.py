"""The sparse tiles of one hop, column by column."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from features.aggregates import CELLS, Monoid

ADD, MIN, MAX = 0, 1, 2
FIRST_CELL: Final = 3
_CELL_MONOIDS: Final = tuple(CELLS)
CODE: Final[dict[Monoid, int]] = {
    "add": ADD,
    "min": MIN,
    "max": MAX,
    **{monoid: FIRST_CELL + at for at, monoid in enumerate(_CELL_MONOIDS)},
}
"""Codes of the monoids, those of integers first."""
MERGE_CELLS: Final = {CODE[monoid]: CELLS[monoid].merge for monoid in _CELL_MONOIDS}

Held: TypeAlias = tuple[tuple[int, int], ...]
"""What a tile, or since-ever, holds of an event's row: (code of the monoid, slot in the row); integers before cells."""

Integers: TypeAlias = "array[int] | list[int]"
"""An ``array('q')`` while every value fits, a list from the first that does not."""


class Ring:
    """The sparse tiles of one hop: ascending tile numbers, and for each partial that is held a column of them.

    Columns of integers stand one behind the other in ``integers``, each as long as ``tiles``; those of cells are the
    lists in ``cells``.
    """

    __slots__ = ("cells", "integers", "tiles")

    def __init__(self, tiles: array[int], integers: Integers, cells: list[list[bytes]]) -> None:
        self.tiles = tiles
        self.integers = integers
        self.cells = cells

    @classmethod
    def empty(cls, n_cells: int) -> Ring:
        """No tiles yet; ``n_cells`` of the partials are cells."""
        return cls(array("q"), array("q"), [[] for _ in range(n_cells)])

    def merge(self, tile: int, held: Held, row: Sequence[Any]) -> None:
        """Merge a row into a tile, made where it is not there yet."""
        tiles, integers = self.tiles, self.integers
        n = len(tiles)
        place = n - 1
        if not n or tiles[place] != tile:
            place = bisect_left(tiles, tile)
            if place == n or tiles[place] != tile:
                self._insert(place, held, row)
                tiles.insert(place, tile)
                return
        if self.cells:
            self.merge_cells(place, held, row)
        for code, slot in held:
            value = row[slot]
            if code == ADD:
                try:
                    integers[place] += value
                except OverflowError:
                    self.integers = integers = list(integers)
                    integers[place] += value
            elif code == MIN:
                if value < integers[place]:
                    integers[place] = value
            elif code == MAX:
                if value > integers[place]:
                    integers[place] = value
            else:
                break  # cells come last
            place += n

    def drop_before(self, tile: int) -> None:
        """Drop all tiles below this one."""
        n_tiles, n = len(self.tiles), bisect_left(self.tiles, tile)
        if not n:
            return
        for begin in range(len(self.integers) - n_tiles, -1, -n_tiles):
            del self.integers[begin : begin + n]
        self.drop_cells(n)
        del self.tiles[:n]

    def drop_cells(self, n: int) -> None:
        """Drop the cells of the first n tiles."""
        for cells in self.cells:
            del cells[:n]

    def merge_cells(self, at: int, held: Held, row: Sequence[Any]) -> None:
        """Merge a row's cells into those of the tile at a place."""
        for cells, (code, slot) in zip(self.cells, held[len(held) - len(self.cells) :], strict=True):
            if row[slot]:
                cells[at] = MERGE_CELLS[code]((cells[at], row[slot]))

    def insert_cells(self, at: int, held: Held, row: Sequence[Any]) -> None:
        """Put a row's cells at the place of a tile that is new."""
        for cells, (_, slot) in zip(self.cells, held[len(held) - len(self.cells) :], strict=True):
            cells.insert(at, row[slot])

    def _insert(self, at: int, held: Held, row: Sequence[Any]) -> None:
        """Put a row into the columns, the last one first: the others are where they were then."""
        n_integers = len(held) - len(self.cells)
        place = at + n_integers * len(self.tiles)
        for _, slot in held[n_integers - 1 :: -1] if n_integers else ():
            place -= len(self.tiles)
            try:
                self.integers.insert(place, row[slot])
            except OverflowError:
                self.integers = list(self.integers)
                self.integers.insert(place, row[slot])
        self.insert_cells(at, held, row)
