"""A model judged by its tested rows."""

from __future__ import annotations

import numpy as np

from features.head import to_scores
from features.model_file import DecisionSpec, ModelSpec
from offline_training.dataset import Dataset, LeftOut, fingerprint
from offline_training.evaluation import judge_model, to_outcomes
from offline_training.evaluation.robustness import MOST_ROWS, NOISE
from offline_training.split import Split
from tests.offline_training.learners.tasks import learned, task_rows


def test_a_model_of_many_tested_rows_is_judged() -> None:
    """Of which some are disturbed, and each input and each noise gives a figure."""
    rows, labels_of = task_rows(MOST_ROWS + 1)
    names, labels, at_us = tuple(f"v:{i}" for i in range(rows.shape[1])), labels_of["binary"], np.arange(len(rows))
    digest = fingerprint(names, rows, labels, at_us)
    data = Dataset(names, rows, labels, at_us, LeftOut(0, 0), digest, "as_true")
    decision = DecisionSpec(positive="yes", negative="no")
    spec = ModelSpec(service="s", horizon="1d", baseline_feature=names[0], decision=decision)
    model, split = learned("lightgbm", "binary"), Split(at_us[:1], at_us, 0, 0)
    outcomes = to_outcomes(data, spec, split, to_scores(model.link, model.raw(rows)))
    found = judge_model(data, spec, split, model, outcomes, quick=False)
    assert found.rows == MOST_ROWS + 1
    assert len(found.robustness) == len(names) + len(NOISE)
    assert found.robustness[0].loss > 0
