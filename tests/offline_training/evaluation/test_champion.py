"""The model against the one that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from features.bundle import Bundle
from features.vector import MissingPolicy
from offline_training.dataset import Dataset
from offline_training.evaluation import compare_with
from offline_training.evaluation.champion import served_scores
from offline_training.evaluation.outcomes import Outcomes
from offline_training.registry import Champion
from offline_training.split import Split, split_by_time
from offline_training.training_set import training_set
from tests.offline_training.made_bundle import bundle_of
from tests.offline_training.small_domain import DAY_US, SmallDomain, small_domain


class Site:
    """A small domain, a model of it, and the rows that both are held against."""

    def __init__(self, folder: Path) -> None:
        self.small: SmallDomain = small_domain(folder)
        self.data: Dataset = training_set(
            self.small.settings, self.small.plan, self.small.domain, "standstill", knowledge="as_true"
        )
        self.bundle: Bundle = bundle_of(self.small, self.data, folder / "bundle")
        self.split: Split = split_by_time(self.data.at_us, gap_us=10 * DAY_US, span_us=10 * DAY_US)
        self.spec = self.small.domain.models["standstill"]

    def outcomes(self, scores: np.ndarray) -> Outcomes:
        return Outcomes("binary", self.data.labels[self.split.later], scores)

    def compare(self, ours: Outcomes, **manifest: Any) -> Any:
        bundle = self.bundle._replace(manifest=msgspec.structs.replace(self.bundle.manifest, **manifest))
        return compare_with(Champion("7", bundle), self.small.plan, self.spec, self.data, self.split, ours)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def test_the_same_model_gains_nothing(site: Site) -> None:
    """Every gain is nought, no p-value is small, and what the champion was fitted on is told."""
    ours = site.outcomes(served_scores(site.bundle, site.data.names, site.data.rows[site.split.later])[:, 0])
    found = site.compare(ours)
    assert (found.version, found.not_comparable) == ("7", "")
    assert found.fitted_rows == len(site.split.later)
    assert all((v.gain.value, v.gain.low, v.gain.high, v.p_value) == (0, 0, 0, 1) for v in found.figures.values())
    assert found.delong_p_value == 1.0


def test_a_worse_model_loses_surely(site: Site) -> None:
    """Scores at random are worse in every figure that ranks, and the tests say so."""
    ours = site.outcomes(np.random.default_rng(0).random(len(site.split.later)))
    found = site.compare(ours)
    auc, loss = found.figures["roc_auc"], found.figures["log_loss"]
    assert auc.ours < auc.theirs
    assert auc.gain.high < 0
    assert loss.ours > loss.theirs
    assert loss.gain.value < 0
    assert max(auc.p_value, loss.p_value, found.delong_p_value) < 0.05


def test_inputs_are_taken_by_name(site: Site) -> None:
    """A champion that reads them in another order, or fewer, scores the same rows alike."""
    names = site.data.names[::-1]
    rows = site.data.rows[site.split.later]
    expected = served_scores(site.bundle, site.data.names, rows)
    assert served_scores(site.bundle, names, rows[:, ::-1]).tolist() == expected.tolist()


INCOMPARABLE: dict[str, tuple[dict[str, Any], str]] = {
    "an input that is none now": ({"features": ("work:jobs_20d", "work:gone")}, "reads work:gone"),
    "a view declared otherwise": ({"view_hashes": {"work": "another"}}, "views work were declared otherwise"),
    "another code": ({"transforms_sha256": "another"}, "transforms.py was another"),
    "another policy": ({"missing": MissingPolicy(default=0.0)}, "missing-value policy was another"),
    "another task": ({"task": "regression", "link": "identity", "decision": None}, "is a regression model"),
}


@pytest.mark.parametrize("what", INCOMPARABLE)
def test_what_cannot_be_compared_is_said(site: Site, what: str) -> None:
    """The reason stands where the figures would."""
    manifest, reason = INCOMPARABLE[what]
    found = site.compare(site.outcomes(np.full(len(site.split.later), 0.5)), **manifest)
    assert reason in found.not_comparable
    assert found.figures == {}
