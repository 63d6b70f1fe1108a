"""What an exploration found, as facts that programs read; the page and the pictures show the same."""

from __future__ import annotations

from typing import Final

import msgspec

PAGE: Final = "eda_report.html"
TARGET: Final = "target_analysis.png"
RANKING: Final = "feature_importance.png"
FACTS: Final = "exploration.json"


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One feature, by every method; ``share`` is its mean share in the methods that weigh it beside all others."""

    feature: str
    mean_rank: float
    share: float
    values: dict[str, float]


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feature moved from the first period, in the period where it had moved most."""

    feature: str
    period: str
    stability_index: float


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """One training set; scores are ROC AUC (R² of a regression) of a quick boosted ensemble on later rows."""

    model: str
    rows: int
    fit_rows: int
    later_rows: int
    ranking: tuple[Ranked, ...]
    recommended: tuple[str, ...]
    threshold: float
    score_of_all: float
    score_of_recommended: float
    components_needed: int | None
    shifts: tuple[Shift, ...]
    seconds: float
