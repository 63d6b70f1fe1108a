"""Probes: which rows try a conversion."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.conversion import probes
from offline_training.conversion.probes import split_probes
from tests.offline_training.conversion.boosters import trained
from tests.offline_training.learners.tasks import learned, task_rows


def test_classes_that_share_their_splits_are_probed_once() -> None:
    """A forest of three classes has three trees for each that was grown."""
    ensemble = learned("random_forest", "multiclass").ensemble  # type: ignore[attr-defined]  # trees have one
    grown = ensemble._replace(trees=ensemble.trees[::3])
    rows = task_rows()[0]
    assert split_probes(ensemble, rows).tobytes() == split_probes(grown, rows).tobytes()
    assert len(split_probes(grown, rows)) == 4 * sum(len(tree.splits) for tree in grown.trees)


def test_of_very_many_splits_every_so_many_th_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first tree to the last."""
    model = trained(rounds=20)
    n_splits = sum(len(tree.splits) for tree in model.ensemble.trees)
    monkeypatch.setattr(probes, "MOST_SPLITS", n_splits // 4)
    found = split_probes(model.ensemble, model.rows)
    assert 0.7 * n_splits <= len(found) <= n_splits
    assert np.isin(found, [split.threshold for split in model.ensemble.trees[-1].splits]).any()
