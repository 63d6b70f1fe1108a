"""What every beginning of a project gives: the texts of its declarations, and what ``model.yaml`` is made from."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from features.model_file import ModelStruct


class Demo(ModelStruct, frozen=True, kw_only=True):
    """When the demo trains, and when it scores."""

    train_at: datetime
    score_at: tuple[datetime, ...]


class ModelFacts(ModelStruct, frozen=True, kw_only=True):
    """What a new domain's model is.

    ``predicts`` is the sentence that says what; ``least`` is what the automatic ``check`` asks for,
    ``why`` the reason that stands beside it. ``decision`` is positive, negative. Of events it has a ``horizon``
    and a ``demo``; of a table by URL, the SQL that chooses its rows, a ``test_share`` and ``categories``.
    """

    name: str
    task: str
    predicts: str
    baseline: str | None
    params: dict[str, int | float]
    check: str = "min_accuracy"
    least: float
    why: str
    limitations: str
    ethics: str
    horizon: str | None = None
    demo: Demo | None = None
    dataset_url: str | None = None
    dataset_query: str = ""
    test_share: float | None = None
    categories: tuple[str, ...] = ()
    texts: dict[str, str] = msgspec.field(default_factory=dict)
    algorithm: str = "lightgbm"
    searched: bool = True
    decision: tuple[str, str] | None = None
    classes: tuple[str, ...] = ()
    test_span: str = "0d"
    segments: tuple[str, ...] = ()


class Beginning(NamedTuple):
    """Declarations by file name, the model, and what was noticed; ``table`` is a file to be kept in ``data/``."""

    files: Mapping[str, str]
    model: ModelFacts
    notes: tuple[str, ...] = ()
    table: Path | None = None
