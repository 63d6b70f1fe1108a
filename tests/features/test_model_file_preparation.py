"""``preparation`` of ``model.yaml``: what it may say, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from features.errors import DomainError
from features.model_file import CategorySpec, PreparationSpec, RatioSpec, TimePartsSpec, read_model_file

MODEL: dict[str, Any] = {
    "service": "s",
    "horizon": "1d",
    "baseline_feature": "v:f",
    "decision": {"positive": "yes", "negative": "no"},
}
DEMO = {"model": "m", "train_at": "2024-01-01T00:00:00Z", "score_at": ["2024-01-02T00:00:00Z"]}


def _read(folder: Path, preparation: Any) -> PreparationSpec:
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump({"models": {"m": MODEL | {"preparation": preparation}}, "demo": DEMO}))
    return read_model_file(path).models["m"].preparation


def test_every_step_is_read(tmp_path: Path) -> None:
    """With what holds where nothing is said."""
    told = {
        "time_parts": {"v:at": {"unit": "microseconds", "parts": ["hour"], "offset_minutes": 60}, "v:seen": {}},
        "ratios": {"conversion_rate": {"numerator": "v:a", "denominator": "v:b"}},
        "categories": {"v:city": {"smoothing": 3}, "v:channel": {}},
    }
    assert _read(tmp_path, told) == PreparationSpec(
        time_parts={
            "v:at": TimePartsSpec(unit="microseconds", parts=("hour",), offset_minutes=60),
            "v:seen": TimePartsSpec(unit="seconds", parts=("hour", "day_of_week", "is_weekend"), offset_minutes=0),
        },
        ratios={"conversion_rate": RatioSpec(numerator="v:a", denominator="v:b", otherwise=None)},
        categories={"v:city": CategorySpec(smoothing=3.0), "v:channel": CategorySpec(smoothing=20.0)},
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"scaling": {}}, "scaling"),
        ({"time_parts": {"v:at": {"parts": ["minute"]}}}, "minute"),
        ({"time_parts": {"v:at": {"parts": []}}}, r"time_parts\.v:at\.parts.*empty"),
        ({"time_parts": {"v:at": {"parts": ["hour", "hour"]}}}, r"time_parts\.v:at\.parts.*twice"),
        ({"time_parts": {"v:at": {"offset_minutes": 1440}}}, r"offset_minutes.*a day or more"),
        ({"time_parts": {"v:at": {}}, "categories": {"v:at": {}}}, r"categories\.v:at.*time_parts"),
        ({"ratios": {"r": {"numerator": "v:a"}}}, "denominator"),
        ({"ratios": {"r": {"numerator": "v:a", "denominator": "v:b", "otherwise": float("inf")}}}, r"r\.otherwise"),
        ({"categories": {"v:city": {"smoothing": 0}}}, r"v:city\.smoothing.*above zero"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, told: Any, words: str) -> None:
    """By its key."""
    with pytest.raises(DomainError, match=words):
        _read(tmp_path, told)
