"""How good the challenger would have been: every score by what it could have known when it was asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.head import to_scores
from features.model_file import ModelSpec
from offline_training.dataset import Dataset
from offline_training.evaluation import AnyEvaluation, evaluate_model
from offline_training.online.checkpoints import EVERY
from offline_training.online.learned import LearnedOnline
from offline_training.split import outcomes_problem


def prequential(states: Sequence[LearnedOnline], data: Dataset, spec: ModelSpec) -> AnyEvaluation | None:
    """Figures of the rows that were asked once the first state knew enough; None where these tell nothing yet.

    ``states`` are what was learned after each `EVERY` outcomes. A row is scored by the newest of them all of whose
    outcomes were known at the row's instant, which is a horizon (and what its observation may be late) after theirs.

    References
    ----------
    A. P. Dawid, "Statistical theory: the prequential approach", 1984. J. Gama, R. Sebastião, P. P. Rodrigues, "On
    evaluating stream learning algorithms", 2013.

    """
    late_us = spec.horizon_us + spec.served.within_us
    n_known = np.searchsorted(data.at_us, data.at_us - late_us, side="right")
    by_state = n_known // EVERY - 1
    scored = np.flatnonzero(by_state >= 0)
    if outcomes_problem(data.labels[scored], 0):
        return None
    raws = np.empty((len(data.labels), 1))
    for place in np.unique(by_state[scored]).tolist():
        rows = by_state == place
        raws[rows] = states[place].linear.raw(data.rows[rows])
    return evaluate_model(spec, data.labels[scored], to_scores(states[0].link, raws[scored]))
