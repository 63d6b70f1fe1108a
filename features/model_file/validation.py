"""What ``model.yaml`` says of the validation of training sets."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from typing import Literal, TypeAlias

from features.errors import DomainError
from features.model_file.struct import ModelStruct

Check: TypeAlias = Literal[
    "required_columns",
    "schema",
    "numeric_bounds",
    "nulls",
    "duplicates",
    "outliers",
    "class_balance",
    "leakage_future",
    "leakage_id",
    "leakage_target_copy",
    "leakage_single_predictor",
]
"""What a training set is held to, by the names that waivers and reports use."""


class Waiver(ModelStruct, frozen=True, kw_only=True):
    """A check that need not hold, for a reason that report and model card repeat; None is every column."""

    check: Check
    column: str | None = None
    reason: str


class ValidationSpec(ModelStruct, frozen=True, kw_only=True):
    """``suite`` is a file of the domain folder; where there is none, a training set is held to what it has itself."""

    suite: str = "ml_data_quality_suite.yaml"
    waivers: tuple[Waiver, ...] = ()


def check_validation(where: str, spec: ValidationSpec) -> None:
    """DomainError for a waiver that does not say why."""
    for number, waiver in enumerate(spec.waivers):
        if not waiver.reason.strip():
            raise DomainError(
                f"{where}.waivers[{number}].reason", "is empty", "say why a model may be trained all the same"
            )
