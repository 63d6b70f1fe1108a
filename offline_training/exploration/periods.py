"""The history in periods: how labels and features moved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from offline_training.exploration.bins import binned, edges_of

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

MOST_PERIODS = 12
LEAST_ROWS = 200
_BINS = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_SHARE = 1e-4


class Periods(NamedTuple):
    """``period_of`` numbers the period of each row; ``begins`` are instants, one a period.

    Rows that are not ``timed`` are of one period.
    """

    begins: tuple[datetime, ...]
    period_of: Codes
    timed: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Days where that tells them apart, else minutes."""
        if not self.timed:
            return ("all rows",)
        days = tuple(f"{at:%Y-%m-%d}" for at in self.begins)
        return days if len(set(days)) == len(days) else tuple(f"{at:%m-%d %H:%M}" for at in self.begins)

    @property
    def counts(self) -> Codes:
        """Rows of each period."""
        return np.bincount(self.period_of, minlength=len(self.begins))


def periods_of(at_us: npt.NDArray[np.int64], *, timed: bool = True) -> Periods:
    """Instants of observation where they are few, else equal lengths of time; small ones go together."""
    if not timed:
        return Periods((_EPOCH,), np.zeros(len(at_us), np.intp), timed=False)
    instants = np.unique(at_us)
    begins = instants
    if len(instants) > MOST_PERIODS:
        reach = int(instants[-1]) - int(instants[0]) + 1
        begins = instants[0] + reach * np.arange(MOST_PERIODS) // MOST_PERIODS
    period_of = np.searchsorted(begins, at_us, side="right") - 1
    kept: list[int] = []
    number = np.zeros(len(begins), np.intp)
    rows, left = LEAST_ROWS, len(at_us)
    for period, count in enumerate(np.bincount(period_of, minlength=len(begins)).tolist()):
        if rows >= LEAST_ROWS and (left >= LEAST_ROWS or not kept):
            kept.append(period)
            rows = 0
        number[period] = len(kept) - 1
        rows, left = rows + count, left - count
    return Periods(tuple(datetime.fromtimestamp(int(begins[period]) / 1e6, UTC) for period in kept), number[period_of])


def group_shares(groups: Codes, n_groups: int, periods: Periods) -> Doubles:
    """``[periods, groups]``: the share of each group in each period."""
    counts = np.zeros((len(periods.begins), n_groups))
    np.add.at(counts, (periods.period_of, groups), 1.0)
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))


def stability(rows: Doubles, periods: Periods) -> Doubles:
    """``[k, periods]``: population stability index of each column against the first period.

    Bins are tenths of the first period, null is one more. Below 0.1 is taken as stable, above 0.25 as shifted; of
    periods of `LEAST_ROWS` rows that are alike it is about 0.05.
    """
    found = np.zeros((rows.shape[1], len(periods.begins)))
    of_period = [np.flatnonzero(periods.period_of == period) for period in range(len(periods.begins))]
    for number, column in enumerate(rows.T):
        edges = edges_of(column[of_period[0]], _BINS)
        codes = binned(column, edges)
        shares = [_shares(codes[chosen], len(edges) + 2) for chosen in of_period]
        found[number] = [float(((now - shares[0]) * np.log(now / shares[0])).sum()) for now in shares]
    return found


def _shares(codes: Codes, n_bins: int) -> Doubles:
    counts = np.bincount(codes, minlength=n_bins)
    return np.maximum(counts / max(len(codes), 1), _LEAST_SHARE)
