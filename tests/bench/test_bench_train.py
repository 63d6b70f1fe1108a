"""The trainer's bench trains on what it says, and holds it against a peer on the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.bench_train import BARS, held_against, passes, train_table
from deploy.train_bench.flaml import install_flaml
from deploy.train_bench.tables import made_up_table, recorded_table
from features.domain import load_domain

REPO = Path(__file__).resolve().parents[2] / "feature_repo"


def test_a_small_run_gives_every_figure() -> None:
    """Of search, fit, conversion and proof."""
    answer = train_table(made_up_table(n_rows=2_000, n_features=12), minutes=5.0, trials=2, processes=1)
    assert (answer["rows"], answer["features"]) == (2_000, 12)
    assert answer["seconds"] > 0
    assert 0.5 < answer["test_score"] < 1.0
    assert answer["search"]["n_trials"] == 2
    assert answer["validation_score"] == answer["search"]["best_score"]
    assert answer["peer"] is None
    assert passes(answer)


def test_made_up_rows_are_of_a_seed() -> None:
    """The same again; half of them positive, a twentieth missing."""
    first, again, other = (made_up_table(1_000, 30, seed).data for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert 0.25 < first.labels.mean() < 0.75
    assert 0.03 < np.isnan(first.rows).mean() < 0.07


@pytest.mark.slow
def test_the_recorded_table_is_what_train_builds() -> None:
    """All dates of the default domain's history, with the labels that SQL outside the project counted."""
    data, spec = recorded_table(REPO)
    assert spec == load_domain(REPO).models["churn"]
    assert len(data.labels) == 306_410
    assert len(np.unique(data.at_us)) == 13
    assert data.labels[data.at_us == data.at_us.min()].mean() == pytest.approx(0.7731, abs=5e-5)


@pytest.mark.parametrize(
    ("seconds", "below", "passed"),
    [
        (1.0, {}, True),
        (BARS["seconds"], {}, False),
        (1.0, {"below_peer": -0.1}, True),
        (1.0, {"below_peer": 0.006}, False),
    ],
)
def test_the_bars_are_time_and_the_peer(seconds: float, below: dict[str, Any], passed: bool) -> None:
    """A peer that did not run is none."""
    assert passes({"seconds": seconds, **below}) is passed


@pytest.mark.peers
def test_flaml_searches_the_same_rows(tmp_path: Path) -> None:
    """In an environment of its own."""
    install_flaml(tmp_path)
    table = made_up_table(n_rows=2_000, n_features=12)
    found = held_against({"test_score": 0.9}, tmp_path, table, minutes=0.1)
    assert 0.5 < found["peer"]["test_score"] < 1.0
    assert found["below_peer"] == pytest.approx(found["peer"]["test_score"] - 0.9, abs=1e-6)
