"""What ``model.yaml`` may say of search, class weights and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from features.errors import DomainError
from features.model_file import SearchSpec, read_model_file

MODEL: dict[str, Any] = {
    "service": "s",
    "horizon": "10d",
    "baseline_feature": "v:f",
    "decision": {"positive": "goes", "negative": "stays"},
}


def read(folder: Path, **keys: Any) -> Any:
    """The model of a file with these keys."""
    demo = {"model": "m", "train_at": "2024-04-01T00:00:00Z", "score_at": ["2024-04-02T00:00:00Z"]}
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump({"models": {"m": MODEL | keys}, "demo": demo}))
    return read_model_file(path).models["m"]


def test_nothing_is_searched_weighted_or_calibrated_unless_asked(tmp_path: Path) -> None:
    """A file without the keys is one model, fitted as it states."""
    model = read(tmp_path)
    assert (model.search, model.class_weights, model.calibration) == (None, "none", None)


def test_what_is_asked_is_read(tmp_path: Path) -> None:
    """With defaults where nothing is said."""
    weights = {"goes": 2, "stays": 1}
    model = read(tmp_path, search={"trials": 7}, class_weights=weights, calibration="isotonic")
    assert model.search == SearchSpec(trials=7)
    assert model.class_weights == weights
    assert model.calibration == "isotonic"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"search": {"trials": 0}}, r"search\.trials: is less than one"),
        ({"search": {"folds": 0}}, r"search\.folds: is less than one"),
        ({"search": {"max_rows": 0}}, r"search\.max_rows: is less than one"),
        ({"search": {"in_flight": 0}}, r"search\.in_flight: is less than one"),
        ({"search": {"time_budget_minutes": 0}}, r"search\.time_budget_minutes: is no length of time"),
        ({"search": {"algorithms": ["a", "a"]}}, r"search\.algorithms: names one twice"),
        ({"search": {"tries": 3}}, "unknown field `tries`"),
        ({"class_weights": {"goes": 2}}, r"class_weights: names \['goes'\]; name each of \['goes', 'stays'\]"),
        ({"class_weights": {"goes": 2, "stays": 0}}, "a weight that is not above zero"),
        ({"class_weights": "even"}, "class_weights"),
        ({"calibration": "beta"}, "calibration"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    """With the key that it stands under."""
    with pytest.raises(DomainError, match=problem):
        read(tmp_path, **keys)
