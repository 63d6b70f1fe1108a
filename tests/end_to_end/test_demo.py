"""The demo of the default domain: every figure that was promised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from features.domain import load_domain
from features.plan_shelf import serving_plan
from features.settings import load_settings
from offline_training.training_set import training_set
from tests.docs.pages import blocks_of
from tests.docs.transcript import fits
from tests.end_to_end.millstream import ROOT, Millstream

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

KEYS = {
    "training": "rows positives roc_auc accuracy brier baseline_roc_auc recency_roc_auc test_date",
    "model": "name version onnx_max_abs_diff plan_hash",
    "scores": "count errors behind_state records_dropped p50_ms p99_ms",
    "serving": "as_of roc_auc accuracy brier",
    "verify": "checked mismatched",
    "drift": "watched alarms",
    "seconds": "setup replay train serve total",
}


def test_the_demo_tells_the_story(tmp_path: Path) -> None:
    """Real purchases, from two commands: counted, trained on, served, proven, watched."""
    run = Millstream(ROOT / "feature_repo", tmp_path / "var")
    account, next_steps = run.said("demo", deadline_s=840.0).split("\n\nTry next\n")
    (shown,) = [block.text for block in blocks_of(ROOT / "README.md") if block.tag == "text demo"]
    assert fits(shown, account, any_number=True), f"the README shows\n{shown}\nbut there came\n{account}"
    assert "grpcurl -plaintext" in next_steps
    assert str(tmp_path / "var" / "churn" / "reports" / "drift-churn-1.html") in next_steps
    story = json.loads((tmp_path / "var" / "demo" / "summary.json").read_text())
    assert set(story) == {"events", "events_per_second", "dead_letters", "entities", *KEYS}
    for part, keys in KEYS.items():
        assert set(story[part]) == set(keys.split())

    assert (story["events"], story["dead_letters"], story["entities"]) == (69_659, 0, 23_570)
    assert story["training"]["test_date"] == "1997-09-28"
    assert story["training"]["rows"] == 94_280
    assert story["training"]["roc_auc"] >= 0.768
    assert story["training"]["recency_roc_auc"] == pytest.approx(0.761, abs=0.001)
    assert story["model"]["onnx_max_abs_diff"] == 0.0
    scores = story["scores"]
    assert (scores["count"], scores["errors"], scores["behind_state"], scores["records_dropped"]) == (70_710, 0, 0, 0)
    assert 0 < scores["p50_ms"] <= scores["p99_ms"]
    assert story["serving"]["as_of"] == "1998-03-27T00:00:00Z"
    assert story["serving"]["roc_auc"] >= 0.832
    assert story["verify"] == {"checked": 70_710, "mismatched": 0}
    assert {alarm["feature"] for alarm in story["drift"]["alarms"]} >= {"score"}

    assert_served_as_trained(tmp_path / "var")

    # It leaves the stack down, and its state for `up`; a second demo throws away only what the first one made.
    assert run("status", expect=3)["state"] == "down"
    assert (tmp_path / "var" / "churn" / "made_by_demo").exists()
    assert list((tmp_path / "var").glob("churn.before-demo-*")) == []


def assert_served_as_trained(var: Path) -> None:
    """What the scorer was asked with is what the lake tells of the same customers and instants: every cell of it."""
    settings = load_settings(project="churn", repo=ROOT / "feature_repo", var=var)
    domain, plan = load_domain(settings.repo), serving_plan(settings.state_dir("churn"))
    served = training_set(settings, plan, domain, "churn", knowledge="as_served")
    told = training_set(settings, plan, domain, "churn", knowledge="as_true")
    same = np.isin(told.at_us, np.unique(served.at_us))
    assert served.served is not None
    assert (served.served.rows, served.served.left_out) == (70_710, {})
    for ours, theirs in ((served.rows, told.rows), (served.labels, told.labels), (served.at_us, told.at_us)):
        assert ours.tobytes() == theirs[same].tobytes()
