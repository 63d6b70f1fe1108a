"""The axis on which a column is seen best: as it is, or by its logarithm where its tail is long."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from offline_training.exploration.charts.canvas import short_ticks, tick_numbers

Doubles = npt.NDArray[np.float64]

_LONG_TAIL = 8.0
"""How much further than the middle half the tail reaches."""
_MOST_TICKS = 5


class Scale(NamedTuple):
    """Where values are drawn: from ``low`` to ``high``, both as drawn; ``is_log`` is ``sign(x) · log10(1 + |x|)``."""

    is_log: bool
    low: float
    high: float

    def to_axis(self, values: Doubles) -> Doubles:
        """Values as drawn."""
        return np.asarray(np.sign(values) * np.log10(1.0 + np.abs(values))) if self.is_log else values

    def apply(self, axes: Any) -> None:
        """Limit an axis, and put ticks at round values."""
        axes.set_xlim(self.low, self.high)
        if not self.is_log:
            short_ticks(axes.xaxis)
            return
        powers = np.concatenate([[0.0], 10.0 ** np.arange(0, 16)])
        values = np.concatenate([-powers[:0:-1], powers])
        places = self.to_axis(values)
        shown = values[(places >= self.low - 1e-9) & (places <= self.high + 1e-9)]
        shown = shown[:: max(1, -(-len(shown) // _MOST_TICKS))]
        axes.set_xticks(self.to_axis(shown), tick_numbers(shown.tolist()))


def scale_of(column: Doubles) -> Scale:
    """Of known values; what lies beyond their outer two hundredths is not shown."""
    low, quarter, three_quarters, high = np.quantile(column, (0.005, 0.25, 0.75, 0.995)).tolist()
    if low == high:
        low, high = float(column.min()), float(column.max())
    reach = max(three_quarters - quarter, (high - low) * 1e-6)
    is_log = high - three_quarters > _LONG_TAIL * reach and high - low > 20.0
    scale = Scale(is_log, low, high)
    ends = scale.to_axis(np.array([low, high]))
    room = float(ends[1] - ends[0]) * 0.02 or 0.5
    return scale._replace(low=float(ends[0]) - room, high=float(ends[1]) + room)
