"""What a validation leaves for people, and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from features.model_file import Check
from offline_training.pages import render
from offline_training.validation.finding import Verdict

PAGE: Final = "data_quality.html"
FACTS: Final = "data_quality.json"

MEANINGS: Final[Mapping[Check, str]] = {
    "required_columns": "every column that the suite requires is there",
    "schema": "types are those of the suite, and every check that was added to its schema holds",
    "numeric_bounds": "values lie within the suite's bounds, and none is infinite",
    "nulls": "no column is null more often than the suite allows",
    "duplicates": "no entity is observed twice at one instant; of none, no row is there twice",
    "outliers": "no column has more values far outside its quartiles than the suite allows",
    "class_balance": "there are enough rows of the rarest class (of a regression: of different labels)",
    "leakage_future": "labels.sql supplies the same on a lake that ends at the observation",
    "leakage_id": "no feature tells which entity, or which row, it is of",
    "leakage_target_copy": "no feature is the label in other words",
    "leakage_single_predictor": "no feature alone predicts the label (nearly) perfectly",
}


def write_report(verdict: Verdict, reports: Path) -> Path:
    """Write the page and the same facts as JSON; returns the page."""
    reports.mkdir(parents=True, exist_ok=True)
    (reports / FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=2))
    page = reports / PAGE
    page.write_text(render(PAGE, verdict=verdict, meanings=MEANINGS), encoding="utf-8")
    return page
