"""When a trial is given up: once it is clearly worse than what finished before it was at the same point.

Optuna's own pruners hold a trial's best loss so far against others', over all steps. Here steps of different folds
are of different rows, and rounds of different algorithms are not the same work, so like is compared with like.
"""

from __future__ import annotations

import numpy as np
from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

ALGORITHM = "algorithm"
"""The attribute and the parameter of a trial that say what it fits."""

_FOLD = 1_000_000
"""Steps that a fold has at most."""

_ENOUGH = 5
_WITHIN_FOLD = 75.0
_AFTER_FOLD = 50.0
"""Percentiles of others' losses beyond which a trial ends: mild before a fold is over, since slow learners catch up."""


def within_first_fold(step: int) -> int:
    """Optuna's step for one of the learner's own in the first fold; the loss is the learner's."""
    return min(step, _FOLD - 1)


def after_fold(fold: int) -> int:
    """Optuna's step once a fold, counted from 0, is over; the loss is the mean of the folds so far."""
    return (fold + 1) * _FOLD


class LikeWithLike(BasePruner):
    """Within a fold among trials of the same algorithm, after it among all."""

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial's newest loss is beyond the percentile of those of completed trials at that step."""
        step = trial.last_step
        if step is None:
            return False
        is_after = step % _FOLD == 0
        losses = [
            other.intermediate_values[step]
            for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if step in other.intermediate_values
            and (is_after or other.user_attrs[ALGORITHM] == trial.user_attrs[ALGORITHM])
        ]
        if len(losses) < _ENOUGH:
            return False
        return bool(trial.intermediate_values[step] > np.percentile(losses, _AFTER_FOLD if is_after else _WITHIN_FOLD))
