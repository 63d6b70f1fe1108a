"""The tiles of `deploy.peers.tiles`, all of an account in one array, for frameworks that keep their state as bytes.

An array is an account: its newest event time, and then for each window the index of its newest tile and a column for
each function. To pickle tiles in lists takes ten times as long as to fold an event into them.
"""

from __future__ import annotations

from array import array
from math import inf
from typing import Final, NamedTuple

from deploy.peers.tiles import PAST_AMOUNT, WINDOWS_US

COUNT, SUM, LOW, HIGH = range(4)
EMPTY: Final = {COUNT: 0.0, SUM: 0.0, LOW: inf, HIGH: -inf}
PAST: Final = {COUNT: 1.0, SUM: PAST_AMOUNT, LOW: PAST_AMOUNT, HIGH: PAST_AMOUNT}


class Window(NamedTuple):
    """Where a window stands in the array: its newest tile's index, and behind it its columns."""

    hop_us: int
    size: int
    newest_at: int

    def column(self, function: int) -> int:
        """Where the column of a function begins."""
        return self.newest_at + 1 + function * self.size


def lay_out() -> tuple[Window, ...]:
    """All windows, one after the other."""
    windows: list[Window] = []
    at = 1
    for length_us, hop_us in WINDOWS_US.values():
        windows.append(Window(hop_us, length_us // hop_us + 1, at))
        at = windows[-1].column(HIGH + 1)
    return tuple(windows)


WINDOWS: Final = lay_out()


def new_account(first_at_us: int) -> array[float]:
    """An account with full tiles."""
    cells = array("d", [first_at_us])
    for window in WINDOWS:
        cells.append(first_at_us // window.hop_us - 1)
        for past in PAST.values():
            cells.extend([past] * window.size)
    return cells


def fold(cells: array[float], at_us: int, amount: float) -> None:
    """Put an event into its tiles; one older than a window changes nothing there."""
    cells[0] = max(cells[0], at_us)
    for window in WINDOWS:
        hop_us, size, newest_at = window
        seen = (at_us + 1) // hop_us  # results are as of just after the event
        if seen > cells[newest_at]:
            advance(cells, window, seen)
        index = at_us // hop_us
        if index <= cells[newest_at] - size:
            continue
        count = newest_at + 1 + index % size
        total, low, high = count + size, count + 2 * size, count + 3 * size
        cells[count] += 1
        cells[total] += amount
        if amount < cells[low]:
            cells[low] = amount
        if amount > cells[high]:
            cells[high] = amount


def advance(cells: array[float], window: Window, newest: int) -> None:
    """Empty the tiles that the window leaves behind."""
    for index in range(max(int(cells[window.newest_at]) + 1, newest - window.size + 1), newest + 1):
        for function, nothing in EMPTY.items():
            cells[window.column(function) + index % window.size] = nothing
    cells[window.newest_at] = newest


def newest_us(cells: array[float]) -> int:
    """Newest event time."""
    return int(cells[0])


def results(cells: array[float]) -> list[float]:
    """The twelve results, in the order of `deploy.peers.tiles.FIELDS`."""
    found: list[float] = []
    for window in WINDOWS:
        counts, sums, lows, highs = (
            cells[window.column(function) : window.column(function + 1)] for function in (COUNT, SUM, LOW, HIGH)
        )
        found += [sum(counts), sum(sums), min(lows), max(highs)]
    return found
