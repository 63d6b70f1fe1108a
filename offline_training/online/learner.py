"""The challenger as a learner: it goes on from what it knew, and forgets that where the outcomes are others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Final

import msgspec
import numpy as np

from features.head import Task
from offline_training.bundle_writer import code_version
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import NOT_NEGATIVE, POSITIVE, require_accepted
from offline_training.online.checkpoints import EVERY, Checkpoint, Checkpoints
from offline_training.online.learned import LearnedOnline
from offline_training.online.river_model import RiverModel

NAMES: Final[Mapping[Task, str]] = {
    "binary": "river_logistic_regression",
    "regression": "river_linear_regression",
}


class OnlineLearner:
    """River's linear model of a task; ``checkpoints`` are what it knew before, held by this process alone.

    Attributes
    ----------
    resumed
        From how many outcomes the last fit went on.

    """

    library: Final = "river"

    def __init__(self, task: Task, features: tuple[str, ...], checkpoints: Checkpoints) -> None:
        self.name = NAMES[task]
        self.tasks: frozenset[Task] = frozenset({task})
        self.resumed = 0
        self._task, self._features, self._checkpoints = task, features, checkpoints

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken."""
        require_accepted(self.name, params, {"learning_rate": POSITIVE, "l2": NOT_NEGATIVE})

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """How fast it learns."""
        return {"learning_rate": trial.suggest_float("learning_rate", 1e-3, 0.2, log=True), "l2": 0.0}

    def fit(
        self,
        sample: Sample,
        params: Params,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        validation: Validation | None = None,  # noqa: ARG002 - it never stops
    ) -> LearnedOnline:
        """Take in the rows in their order, one after the other; each counts once."""
        rows, labels = sample.rows, sample.labels
        digests = list(self._digests(rows, labels, params))
        known = self._checkpoints.matching(digests)
        model = RiverModel(self._task, rows.shape[1], params)
        if known:
            model.state = known[-1].state
        self.resumed = len(known) * EVERY
        for number in range(self.resumed, len(rows)):
            model.learn(rows[number], float(labels[number]))
            place, rest = divmod(number + 1, EVERY)
            if not rest:
                self._checkpoints.append(Checkpoint(outcomes=number + 1, digest=digests[place - 1], state=model.state))
        return LearnedOnline(learner=self.name, params=params, task=self._task, state=model.state)

    def after_each(self, rows: np.ndarray, labels: np.ndarray, params: Params) -> list[LearnedOnline]:
        """What it had learned after each `EVERY` of these outcomes, as far as it has ever been there."""
        known = self._checkpoints.matching(list(self._digests(rows, labels, params)))
        return [LearnedOnline(learner=self.name, params=params, task=self._task, state=one.state) for one in known]

    def _digests(self, rows: np.ndarray, labels: np.ndarray, params: Params) -> Iterator[str]:
        """Hash of all that decides what it knows after each `EVERY` outcomes."""
        told = (self.name, version(self.library), code_version(), dict(params), self._features, EVERY)
        digest = hashlib.sha256(msgspec.json.encode(told, order="deterministic"))
        for end in range(EVERY, len(rows) + 1, EVERY):
            for column in (rows, labels):
                digest.update(np.ascontiguousarray(column[end - EVERY : end], "<f8").tobytes())
            yield digest.hexdigest()
