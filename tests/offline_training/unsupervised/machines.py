"""The small domain of machines, grouped, or watched for odd ones, instead of foretold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.offline_training.small_domain import LABELS, SmallDomain, small_domain

STANDS: Final = LABELS[LABELS.index("(NOT EXISTS") : LABELS.index("FROM (SELECT machine")]
UNLABELLED: Final = LABELS.replace(STANDS, "").replace("AS shift,", "AS shift")
BESIDE: Final = LABELS.replace(STANDS, "(CASE WHEN day < 60 THEN NULL ELSE machine = 'm0' END)::DOUBLE AS label\n")
"""The later rows have a label, which no model is told."""

_NEITHER: Final[dict[str, Any]] = {"horizon": "1d", "gates": {}, "baseline_feature": ""}
CLUSTERING: Final[dict[str, Any]] = _NEITHER | {
    "task": "clustering",
    "algorithm": "kmeans",
    "params": {"n_clusters": 3},
    "decision": None,
    "checks": {"min_silhouette": 0.1},
}
ANOMALY: Final[dict[str, Any]] = _NEITHER | {
    "task": "anomaly",
    "algorithm": "isolation_forest",
    "params": {"n_estimators": 20},
    "decision": {"positive": "odd", "negative": "usual"},
    "evaluation": {"threshold": {"contamination": 0.05}},
    "checks": {"min_stability": 0.5},
}


def machines(folder: Path, model: dict[str, Any], *, labels: str = UNLABELLED, **changed: Any) -> SmallDomain:
    """The domain with one of these models, parts of it replaced."""
    return small_domain(folder, labels=labels, **model | changed)
