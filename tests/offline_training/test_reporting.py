"""Reports of trainings of every task, from labels to pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from offline_training.bundle_writer import write_bundle
from offline_training.evaluation import compare_with, to_outcomes
from offline_training.registry import Champion
from offline_training.reporting import write_reports
from offline_training.training_set import training_set
from tests.offline_training.made_bundle import card_facts
from tests.offline_training.small_domain import LABELS, small_domain

COUNTED = LABELS.replace("(NOT EXISTS (\n    FROM jobs", "(SELECT least(count(*), 2) FROM (FROM jobs")
"""How many jobs follow within ten days: none, one, more."""

TASKS: dict[str, dict[str, Any]] = {
    "binary": {},
    "multiclass": {"labels": COUNTED, "task": "multiclass", "classes": ["none", "one", "more"], "decision": None},
    "regression": {"labels": COUNTED, "task": "regression", "decision": None},
    "logistic_regression": {"algorithm": "logistic_regression", "params": {}},
}
"""Also a model of which no exact contributions are known."""


@pytest.mark.parametrize("what", TASKS)
def test_every_task_is_reported(tmp_path: Path, what: str) -> None:
    """Pictures, card, page and figures, also beside a champion that is the same model: nothing is gained by it."""
    small = small_domain(tmp_path, **TASKS[what], evaluation={"segments": ["work:idle_s"]})
    data = training_set(small.settings, small.plan, small.domain, "standstill", knowledge="as_true")
    facts = card_facts(small, data, quick=False)
    champion = Champion("1", write_bundle(tmp_path / "bundle", facts))
    outcomes = to_outcomes(data, facts.spec, facts.fitted.split, facts.fitted.test_scores)
    versus = compare_with(champion, small.plan, facts.spec, data, facts.fitted.split, outcomes)
    assert versus.not_comparable == ""
    assert set(versus.figures) >= ({"rmse"} if facts.spec.task == "regression" else {"roc_auc"})
    reports = tmp_path / "reports"
    write_reports(reports, facts, outcomes, versus, quick=False)
    names = {path.name for path in reports.iterdir()}
    assert {"predicted_vs_actual.png", "residual_plot.png", "lime_explanation_sample_0.png"} <= names
    assert ("roc_curve.png" in names) == (facts.spec.task != "regression")
    assert ("shap_summary.png" in names) == (facts.fitted.exported.explanation is not None)
    card = (reports / "model_card.md").read_text()
    assert "## Beside the champion" in card
    assert "| `work:idle_s` |" in card
    assert re.search(r"\bnan\b", card) is None
    assert msgspec.json.decode((reports / "evaluation.json").read_bytes())["judgement"]["task"] == facts.spec.task
