"""One of River's linear models behind its standard scaler: learns row by row, and is plain numbers in between."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np
from river.linear_model import LinearRegression, LogisticRegression
from river.optim import SGD
from river.preprocessing import StandardScaler
from river.utils import VectorDict

from features.head import Task
from offline_training.conversion.preparation import draw_in
from offline_training.learners.learner import Params

CLIP: Final = 6.0
"""Standard deviations beyond which an input, and an error, counts no more: nothing wild throws the weights."""

STILL: Final = 1e-6
"""An input whose standard deviation is a smaller part of its mean than this stands still, and says nothing."""

_TARGET: Final = "label"


class Moments(msgspec.Struct, frozen=True):
    """What a scaler knows of each of its inputs: how often it was there, its mean and its variance."""

    counts: tuple[int, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]


class RiverState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a model knows. ``weights`` are those of the inputs, then those of their absence."""

    inputs: Moments
    target: Moments
    weights: tuple[float, ...]
    intercept: float
    steps: int


class RiverModel:
    """Logistic regression for outcomes, linear regression (of the scaled value) for values.

    ``params`` are its ``learning_rate`` and ``l2``. A value that is missing is no input: that it is missing is one.
    Inputs are drawn in as all linear models' are.
    """

    def __init__(self, task: Task, n_features: int, params: Params) -> None:
        kind = LogisticRegression if task == "binary" else LinearRegression
        self._n = n_features
        self._values = task == "regression"
        self._scaler = StandardScaler()
        self._target = StandardScaler()
        rate, l2 = float(params["learning_rate"]), float(params["l2"])
        self._model = kind(optimizer=SGD(rate), intercept_lr=rate, l2=l2, clip_gradient=CLIP)
        self._model._weights = VectorDict(dict.fromkeys(range(2 * n_features), 0.0))  # so they keep one order

    def learn(self, row: np.ndarray, label: float) -> None:
        """Take in one row and what came of it."""
        drawn = draw_in(row).tolist()
        self._scaler.learn_one(_there(drawn))
        if self._values:
            self._target.learn_one({_TARGET: label})
            label = self._scaled_target(label)
        self._model.learn_one(self._inputs(drawn), label)

    def raw(self, row: np.ndarray) -> float:
        """The raw score of a row, as River gives it."""
        raw = float(self._model._raw_dot_one(self._inputs(draw_in(row).tolist())))
        if not self._values:
            return raw
        return raw * math.sqrt(self._target.vars[_TARGET]) + float(self._target.means[_TARGET])

    @property
    def state(self) -> RiverState:
        """What it knows."""
        weights = self._model.weights
        return RiverState(
            inputs=_moments(self._scaler, range(self._n)),
            target=_moments(self._target, [_TARGET]),
            weights=tuple(float(weights[place]) for place in range(2 * self._n)),
            intercept=float(self._model.intercept),
            steps=self._model.optimizer.n_iterations,
        )

    @state.setter
    def state(self, state: RiverState) -> None:
        _set_moments(self._scaler, range(self._n), state.inputs)
        _set_moments(self._target, [_TARGET], state.target)
        self._model._weights = VectorDict(dict(enumerate(state.weights)))
        self._model.intercept = state.intercept
        self._model.optimizer.n_iterations = state.steps

    def _inputs(self, drawn: list[float]) -> dict[int, float]:
        """What the linear model is given: scaled values in the order of the inputs, then what is missing."""
        means, variances = self._scaler.means, self._scaler.vars
        scaled = {
            place: 0.0 if variances[place] <= (STILL * means[place]) ** 2 else min(max(value, -CLIP), CLIP)
            for place, value in self._scaler.transform_one(_there(drawn)).items()
        }
        return scaled | {self._n + place: 1.0 for place, value in enumerate(drawn) if value != value}

    def _scaled_target(self, label: float) -> float:
        return min(max(float(self._target.transform_one({_TARGET: label})[_TARGET]), -CLIP), CLIP)


def _there(drawn: list[float]) -> dict[int, float]:
    return {place: value for place, value in enumerate(drawn) if value == value}


def _moments(scaler: StandardScaler, names: Iterable[int | str]) -> Moments:
    listed = list(names)
    return Moments(
        tuple(int(scaler.counts.get(name, 0)) for name in listed),
        tuple(float(scaler.means.get(name, 0.0)) for name in listed),
        tuple(float(scaler.vars.get(name, 0.0)) for name in listed),
    )


def _set_moments(scaler: StandardScaler, names: Iterable[int | str], moments: Moments) -> None:
    rows = zip(names, moments.counts, moments.means, moments.variances, strict=True)
    for name, count, mean, variance in rows:
        scaler.counts[name], scaler.means[name], scaler.vars[name] = count, mean, variance
