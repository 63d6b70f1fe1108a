"""What the client takes and gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Entity: TypeAlias = Mapping[str, str | int]

Vector: TypeAlias = Sequence[float | None] | Mapping[str, float | None]
"""A model's whole input, None or NaN for null: in the model's order, or by ``view:feature``."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak with a server that has TLS: PEM files.

    ``authorities`` signed the server's certificate (None: those that grpcio brings); ``certificate`` and ``key`` are
    the client's own, for servers that ask for them; ``server_name`` is what the server's certificate must name, where
    that is not the host of the address.
    """

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureNote:
    """Why a feature (or a view) is not simply what the window arithmetic gave."""

    feature: str
    reason: str
    defaulted: bool


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class of a model of several: its probability, and its raw score."""

    name: str
    score: float
    raw_score: float


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """One score. ``newest_feature_age`` is None where no view knows the entity.

    Of a model of several ``classes``, score and raw score are those of the class decided on.
    """

    score: float
    raw_score: float
    decision: str
    as_of: datetime
    newest_feature_age: timedelta | None
    notes: tuple[FeatureNote, ...]
    request_id: str
    model: str
    version: str
    arm: str
    view_hashes: Mapping[str, str]
    classes: tuple[ClassResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature contributed to a raw score; ``value`` is what the model was given, None for NaN."""

    feature: str
    value: float | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """``base``, all ``contributions`` and ``rest`` sum to ``raw_score``: of several classes, that of ``class_name``.

    ``rest`` is the sum of the contributions that were left out.
    """

    answer: ScoreResult
    raw_score: float
    base: float
    contributions: tuple[Contribution, ...]
    rest: float
    class_name: str


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One feature of a model's vector, and what stands in where it is missing: ``nan``, ``fail`` or a number."""

    name: str
    missing: str | float


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One version of a model that serves, as one arm.

    ``join_keys`` and ``request_fields`` are names with their types. A score that reaches ``thresholds[i]`` and no
    higher one means ``decisions[i + 1]``.
    """

    model: str
    version: str
    arm: str
    digest: str
    task: str
    service: str
    inputs: tuple[ModelInput, ...]
    join_keys: Mapping[str, str]
    request_fields: Mapping[str, str]
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    decisions: tuple[str, ...]
    view_hashes: Mapping[str, str]
    serving_since: datetime
    explainable: bool


@dataclass(frozen=True, slots=True)
class RowFailure:
    """Why one row has no score; ``code`` is the name of a gRPC status code."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FeatureReading:
    """One feature: its value (None is null) and whether it is present, null, stale, unknown or not supplied."""

    name: str
    value: int | float | None
    presence: str


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """The features of one entity at an instant, in the order of the feature service."""

    service: str
    as_of: datetime
    features: tuple[FeatureReading, ...]
    notes: tuple[FeatureNote, ...]

    @property
    def values(self) -> dict[str, int | float | None]:
        """Values by ``view:feature``."""
        return {feature.name: feature.value for feature in self.features}


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of a batch or stream; what is left out is taken from the batch, or from the server's clock.

    A row has an entity whose features are fetched, or a vector that is scored as it is.
    """

    entity: Entity = field(default_factory=dict)
    as_of: datetime | None = None
    request: Mapping[str, Scalar] = field(default_factory=dict)
    request_id: str = ""
    vector: Vector | None = None
