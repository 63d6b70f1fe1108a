"""What was learned online, in the form that is served."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.head import Link, Task
from offline_training.conversion.exported import Exported
from offline_training.conversion.layers import Layer
from offline_training.conversion.preparation import Preparation, draw_in, draw_out
from offline_training.learners.learned_linear import LearnedLinear
from offline_training.learners.learner import Params
from offline_training.online.river_model import CLIP, STILL, RiverModel, RiverState


@dataclass(frozen=True, kw_only=True)
class LearnedOnline:
    """A state of the challenger. Its raw scores are River's, row by row, so that the proof is held against River."""

    learner: str
    params: Params
    task: Task
    state: RiverState

    @property
    def link(self) -> Link:
        """From its raw scores to scores."""
        return "sigmoid" if self.task == "binary" else "identity"

    @property
    def linear(self) -> LearnedLinear:
        """The same as one layer behind a preparation, for all rows at once.

        What is missing is filled by about the mean: what that differs from the mean is taken back by the weight of its
        absence. Absence is counted from how often there was one, so that all of it has the mean 0 over the outcomes.
        """
        inputs, n = self.state.inputs, len(self.state.inputs.means)
        means, variances = np.array(inputs.means), np.array(inputs.variances)
        moves = variances > (STILL * means) ** 2
        scales = np.array([v**0.5 if moving else 1.0 for v, moving in zip(inputs.variances, moves, strict=True)])
        fills, reach = draw_out(means), np.where(moves, CLIP * scales, 0.0)
        missed = 1.0 - np.array(inputs.counts) / self.state.steps
        weights = np.where(moves, self.state.weights[:n], 0.0)
        absent = np.array(self.state.weights[n:]) - weights * ((draw_in(fills) - means) / scales)
        size, middle = 1.0, 0.0
        if self.task == "regression":
            size, middle = math.sqrt(self.state.target.variances[0]), self.state.target.means[0]
        bias = (self.state.intercept + float(absent @ missed)) * size + middle
        return LearnedLinear(
            learner=self.learner,
            params=self.params,
            link=self.link,
            preparation=Preparation(
                fills=fills,
                lows=draw_out(means - reach),
                highs=draw_out(means + reach),
                absents=np.arange(n),
                means=np.concatenate([means, missed]),
                scales=np.concatenate([scales, np.ones(n)]),
            ),
            layers=(Layer(np.concatenate([weights, absent]).reshape(-1, 1) * size, np.array([bias])),),
        )

    @property
    def importance(self) -> np.ndarray:
        """Share of each input in the sum of the absolute weights."""
        return self.linear.importance

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores ``[n, 1]`` as River gives them."""
        model = RiverModel(self.task, rows.shape[1], self.params)
        model.state = self.state
        return np.array([[model.raw(row)] for row in rows], np.float64).reshape(-1, 1)

    def export(self) -> Exported:
        """One layer in double, explained exactly."""
        return self.linear.export()
