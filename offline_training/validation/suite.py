"""The suite ``ml_data_quality_suite``: what a model's training sets are held to, as data that people edit."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

SUITE: Final = "ml_data_quality_suite"


class SuitePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape shared by the parts of the file: immutable, exact about its keys."""


class Inferred(SuitePart, frozen=True, kw_only=True):
    """The training set that a suite was inferred from."""

    rows: int
    first_at: datetime | None
    last_at: datetime | None
    fingerprint: str


class Limits(SuitePart, frozen=True, kw_only=True):
    """The largest share of the rows, of one column or else of any."""

    default: float
    columns: dict[str, float] = {}

    def of(self, column: str) -> float:
        """The limit of a column."""
        return self.columns.get(column, self.default)


class Outliers(Limits, frozen=True, kw_only=True):
    """Rows beyond Tukey's fences: further than ``fence_iqr`` interquartile ranges outside the quartiles."""

    fence_iqr: float = 3.0


class ClassBalance(SuitePart, frozen=True, kw_only=True):
    """What the rarest class must have at least; for a regression, how many different labels there must be."""

    min_share: float = 0.0
    min_rows: int = 10


class Leakage(SuitePart, frozen=True, kw_only=True):
    """From where on a feature counts as one that knows the label.

    ``single_predictor``: ROC AUC (R² of a regression) that one feature alone reaches on rows it was not fitted on.
    ``target_copy``: share of every class that the feature's values name (a regression: rank correlation).
    ``id``: share of the entities that have one value, and that no other entity has. ``instants``: at how many moments
    ``labels.sql`` is run again on a lake that ends there.
    """

    single_predictor: float = 0.98
    target_copy: float = 0.999
    id: float = 0.95
    instants: int = 2


class Suite(SuitePart, frozen=True, kw_only=True):
    """The whole file.

    ``schema`` is what pandera reads and writes: column types, and any of its checks that people add. A bound that is
    null is none.
    """

    suite: Literal["ml_data_quality_suite"] = SUITE
    model: str
    version: int
    inferred: Inferred
    required_columns: tuple[str, ...]
    numeric_bounds: dict[str, tuple[float | None, float | None]]
    nulls: Limits
    duplicates: float = 0.0
    outliers: Outliers
    class_balance: ClassBalance
    leakage: Leakage = Leakage()
    schema: dict[str, Any]
