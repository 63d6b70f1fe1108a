"""What a linear model or a network is given instead of the features: filled, in range, drawn together and scaled.

Every step is an operation that IEEE 754 rounds in one way only (no logarithm), so that numpy and ONNX Runtime give the
same bits on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from features.bundle import MODEL_INPUT
from offline_training.conversion.constants import constant, whole_constant
from offline_training.conversion.exported import Probes

PREPARED: Final = "prepared"
_LARGEST: Final = float(np.finfo(np.float64).max)
MOST_PROBED: Final = 200


class Preparation(NamedTuple):
    """One entry a feature: ``fills`` stand for NaN; beyond ``lows`` and ``highs`` a feature reads as these.

    They are its range in training, and half as much again on either side. ``absents`` are the features whose absence
    is an input of its own. ``means`` and ``scales`` are one an input. ``draws`` says whether what is skewed is drawn
    together.
    """

    fills: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    absents: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    draws: bool = True

    @property
    def n_features(self) -> int:
        """Inputs of the model."""
        return len(self.fills)

    @property
    def owners(self) -> np.ndarray:
        """The feature that each input is of."""
        return np.concatenate([np.arange(len(self.fills)), self.absents])

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Inputs ``[n, k + absents]`` of rows ``[n, k]``."""
        with np.errstate(all="ignore"):  # as ONNX Runtime, which warns of nothing
            return np.asarray((self._drawn(rows) - self.means) / self.scales)

    def _drawn(self, rows: np.ndarray) -> np.ndarray:
        """Inputs before they are scaled."""
        absent = np.isnan(rows)
        held = np.minimum(np.maximum(np.where(absent, self.fills, rows), self.lows), self.highs)
        drawn = draw_in(held) if self.draws else held
        return np.concatenate([drawn, absent[:, self.absents].astype(np.float64)], axis=1)

    def nodes(self) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """The same as ONNX, from the model's input to `PREPARED`."""
        node = helper.make_node
        nodes = [
            node("IsNaN", [MODEL_INPUT], ["absent"]),
            node("Where", ["absent", "fills", MODEL_INPUT], ["filled"]),
            node("Max", ["filled", "lows"], ["not_below"]),
            node("Min", ["not_below", "highs"], ["held"]),
        ]
        if self.draws:
            nodes += [
                node("Sign", ["held"], ["signs"]),
                node("Abs", ["held"], ["sizes"]),
                node("Sqrt", ["sizes"], ["roots"]),
                node("Sqrt", ["roots"], ["fourth_roots"]),
                node("Mul", ["signs", "fourth_roots"], ["drawn"]),
            ]
        constants = [constant("fills", self.fills), constant("lows", self.lows), constant("highs", self.highs)]
        drawn = "drawn" if self.draws else "held"
        if len(self.absents):
            nodes += [
                node("Gather", ["absent", "absents"], ["absent_here"], axis=1),
                node("Cast", ["absent_here"], ["absent_numbers"], to=TensorProto.DOUBLE),
                node("Concat", [drawn, "absent_numbers"], ["drawn_and_absent"], axis=1),
            ]
            constants.append(whole_constant("absents", self.absents))
            drawn = "drawn_and_absent"
        nodes += [node("Sub", [drawn, "means"], ["centred"]), node("Div", ["centred", "scales"], [PREPARED])]
        constants += [constant("means", self.means), constant("scales", self.scales)]
        return nodes, constants

    def probes(self, rows: np.ndarray) -> Probes:
        """Rows with one feature beyond, at and next to each end of its range.

        Of more features than `MOST_PROBED`, as texts have, every so many-th.
        """
        ranges = list(zip(range(self.n_features), self.lows.tolist(), self.highs.tolist(), strict=True))
        return probes_of_ranges(ranges[:: 1 + len(ranges) // MOST_PROBED], rows)


def probes_of_ranges(ranges: Sequence[tuple[int, float, float]], rows: np.ndarray) -> Probes:
    """Rows with one feature absent, infinite, enormous, tiny, and at and next to each end of its range."""
    probes: list[np.ndarray] = []
    for feature, low, high in ranges:
        around = [math.nextafter(end, way) for end in (low, high) for way in (-math.inf, math.inf)]
        for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e308, -1e308, low, high, *around):
            probe = rows[len(probes) % len(rows)].copy()
            probe[feature] = value
            probes.append(probe)
    throughout = [np.full(rows.shape[1], value) for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308)]
    return Probes(np.array([*throughout, *probes]), np.empty((0, rows.shape[1])))


def draw_in(values: np.ndarray) -> np.ndarray:
    """The fourth root of each value, with its sign."""
    return np.asarray(np.sign(values) * np.sqrt(np.sqrt(np.abs(values))))


def draw_out(drawn: np.ndarray) -> np.ndarray:
    """What `draw_in` was given, but for rounding; never infinite."""
    with np.errstate(over="ignore"):
        values = np.sign(drawn) * (drawn * drawn) * (drawn * drawn)
    return np.asarray(np.clip(values, -_LARGEST, _LARGEST))


def prepare(rows: np.ndarray, *, draw: bool = True) -> Preparation:
    """The preparation that training rows ask for.

    Counts, sums and times are skewed, hence the fourth root, which draws the tails in almost as a logarithm does; but
    it parts what lies around zero, so that distances are measured without.
    """
    finite = np.where(np.isinf(rows), np.nan, rows)
    known = [column[~np.isnan(column)] for column in finite.T]
    fills = np.array([np.median(column) if len(column) else 0.0 for column in known])
    least = np.array([column.min(initial=fill) for column, fill in zip(known, fills, strict=True)])
    most = np.array([column.max(initial=fill) for column, fill in zip(known, fills, strict=True)])
    reach = most / 2 - least / 2  # halved first, so that no range overflows
    with np.errstate(over="ignore"):
        lows, highs = np.maximum(least - reach, -_LARGEST), np.minimum(most + reach, _LARGEST)
    absents = np.flatnonzero(np.isnan(rows).any(axis=0))
    n_inputs = len(fills) + len(absents)
    unscaled = Preparation(fills, lows, highs, absents, np.zeros(n_inputs), np.ones(n_inputs), draw)
    drawn = unscaled.apply(rows)
    differs = drawn.min(axis=0) < drawn.max(axis=0)  # the deviation of equal values is not nought, but their rounding
    with np.errstate(all="ignore"):  # what overflows is for the learner to refuse
        return unscaled._replace(means=drawn.mean(axis=0), scales=np.where(differs, drawn.std(axis=0), 1.0))
