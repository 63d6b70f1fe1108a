"""What ``model.yaml`` says of models without labels and of texts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from features.errors import DomainError
from features.model_file import ModelSpec, TextSpec, ThresholdSpec, read_model_file

LABELLED: dict[str, Any] = {
    "service": "s",
    "horizon": "1d",
    "baseline_feature": "v:f",
    "decision": {"positive": "yes", "negative": "no"},
}
CLUSTERING: dict[str, Any] = {"service": "s", "task": "clustering", "checks": {"min_silhouette": 0.2}}
ANOMALY: dict[str, Any] = {
    "service": "s",
    "task": "anomaly",
    "decision": {"positive": "odd", "negative": "usual"},
    "checks": {"min_stability": 0.7},
}


def _read(folder: Path, model: dict[str, Any]) -> ModelSpec:
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump({"models": {"m": model}}))
    return read_model_file(path).models["m"]


def test_models_without_labels_need_no_word_of_them(tmp_path: Path) -> None:
    """Neither a horizon nor a baseline; an anomaly may be where a share of the rows is above."""
    assert _read(tmp_path, CLUSTERING).horizon is None
    spec = _read(tmp_path, ANOMALY | {"evaluation": {"threshold": {"contamination": 0.02}}})
    assert spec.evaluation.threshold == ThresholdSpec(contamination=0.02)
    assert str(spec.evaluation.threshold) == "a contamination of 0.02"


def test_a_text_is_read(tmp_path: Path) -> None:
    """With what holds where nothing is said."""
    spec = _read(tmp_path, LABELLED | {"preparation": {"texts": {"t": {"words": "v:w_"}}}})
    assert spec.preparation.texts == {"t": TextSpec(words="v:w_", vocabulary=1_000, min_rows=2)}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (CLUSTERING | {"checks": {}}, r"checks\.min_silhouette: is missing; state the least"),
        (ANOMALY | {"checks": {}}, r"checks\.min_stability: is missing"),
        (ANOMALY | {"checks": {"min_stability": 1.5}}, r"checks\.min_stability: is no bound"),
        (LABELLED | {"checks": {"min_silhouette": 0.5}}, r"checks\.min_silhouette: is not for a binary model"),
        (CLUSTERING | {"classes": ["a", "b"]}, r"classes: is not for a clustering model"),
        (CLUSTERING | {"decision": ANOMALY["decision"]}, r"decision: is not for a clustering model"),
        ({**ANOMALY, "decision": None}, r"decision: is missing"),
        (ANOMALY | {"decision": ANOMALY["decision"] | {"threshold": 1.5}}, r"threshold: is not between 0 and 1"),
        (ANOMALY | {"search": {}}, r"search: is not for a anomaly model; there is no label"),
        (ANOMALY | {"calibration": "platt"}, r"calibration: is not for"),
        (ANOMALY | {"class_weights": "balanced"}, r"class_weights: is set, but there are no classes"),
        (ANOMALY | {"targets": {"accuracy": 0.9}}, r"targets\.accuracy: is not measured of a anomaly model"),
        (ANOMALY | {"evaluation": {"threshold": {"recall": 0.5}}}, r"states recall; state one of contamination"),
        (ANOMALY | {"evaluation": {"threshold": {"contamination": 0}}}, r"contamination: is no share"),
        (LABELLED | {"evaluation": {"threshold": {"contamination": 0.1}}}, r"state one of cost, precision, recall"),
        ({**LABELLED, "horizon": None}, r"horizon: is missing"),
        (LABELLED | {"baseline_feature": ""}, r"baseline_feature: is missing"),
        (LABELLED | {"preparation": {"texts": {"t": {"words": "w", "vocabulary": 10_001}}}}, r"vocabulary: is out of"),
        (LABELLED | {"preparation": {"texts": {"t": {"words": "w", "min_rows": 0}}}}, r"min_rows: is less than one"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, model: dict[str, Any], words: str) -> None:
    """By its key."""
    with pytest.raises(DomainError, match=words):
        _read(tmp_path, model)
