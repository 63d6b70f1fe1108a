"""What the client gives back and takes, and how the protocol's messages become it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.client_errors import CallRefusedError

Scalar = str | int | float | bool | None
Entity = Mapping[str, str | int]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeatureNote:
    """Why a feature (or a view) is not simply what the window arithmetic gave."""

    feature: str
    reason: str
    defaulted: bool


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """One score. ``newest_feature_age`` is None where no view knows the entity."""

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


@dataclass(frozen=True, slots=True)
class RowFailure:
    """Why one row of a batch has no score; ``code`` is the name of a gRPC status code."""

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
    """One row of a batch; what is left out is taken from the batch, or from the server's clock."""

    entity: Entity
    as_of: datetime | None = None
    request: Mapping[str, Scalar] = field(default_factory=dict)
    request_id: str = ""


def to_value(scalar: Scalar) -> pb.Value:
    """A scalar as the protocol has it; a bool is not an integer."""
    if scalar is None:
        return pb.Value()
    if isinstance(scalar, bool):
        return pb.Value(flag=scalar)
    if isinstance(scalar, str):
        return pb.Value(text=scalar)
    if isinstance(scalar, int):
        return pb.Value(integer=scalar)
    return pb.Value(number=scalar)


def to_values(scalars: Mapping[str, Scalar] | Entity) -> dict[str, pb.Value]:
    """A map of scalars as the protocol has it."""
    return {name: to_value(scalar) for name, scalar in scalars.items()}


def to_row(row: BatchRow | Entity) -> pb.BatchRow:
    """A row of a batch as the protocol has it."""
    if not isinstance(row, BatchRow):
        return pb.BatchRow(entity=to_values(row))
    return pb.BatchRow(
        entity=to_values(row.entity),
        as_of=to_timestamp(row.as_of),
        request=to_values(row.request),
        request_id=row.request_id,
    )


def to_timestamp(instant: datetime | None) -> Timestamp | None:
    """An aware instant as the protocol has it; what is finer than a microsecond does not exist here."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise CallRefusedError(f"as_of {instant} has no time zone; write datetime(…, tzinfo=UTC)")
    seconds, us = divmod((instant - EPOCH) // timedelta(microseconds=1), 1_000_000)
    return Timestamp(seconds=seconds, nanos=us * 1_000)


def from_timestamp(stamp: Timestamp) -> datetime:
    """An instant of the protocol, aware, in UTC."""
    return EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)


def _number(value: pb.Value) -> int | float | None:
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


def _presence(presence: pb.Feature.Presence) -> str:
    return pb.Feature.Presence.Name(presence).lower()


def _notes(notes: Sequence[pb.Note]) -> tuple[FeatureNote, ...]:
    return tuple(FeatureNote(note.feature, pb.Note.Reason.Name(note.reason).lower(), note.defaulted) for note in notes)


def from_answer(answer: pb.ScoreResponse, who: pb.ScoreResponse | pb.ScoreBatchResponse) -> ScoreResult:
    """The answer to one row, and who gave it."""
    age = answer.newest_feature_age
    return ScoreResult(
        score=answer.score,
        raw_score=answer.raw_score,
        decision=answer.decision,
        as_of=from_timestamp(answer.as_of),
        newest_feature_age=age.ToTimedelta() if answer.HasField("newest_feature_age") else None,
        notes=_notes(answer.notes),
        request_id=answer.request_id,
        model=who.model,
        version=who.version,
        arm=who.arm,
        view_hashes=dict(who.view_hashes),
    )


def to_feature_set(response: pb.GetFeaturesResponse) -> FeatureSet:
    """The answer to a request for features."""
    return FeatureSet(
        service=response.service,
        as_of=from_timestamp(response.as_of),
        features=tuple(
            FeatureReading(feature.name, _number(feature.value), _presence(feature.presence))
            for feature in response.features
        ),
        notes=_notes(response.notes),
    )


def to_outcome(row: pb.RowResult, batch: pb.ScoreBatchResponse) -> ScoreResult | RowFailure:
    """The answer to one row of a batch."""
    if row.HasField("answer"):
        return from_answer(row.answer, batch)
    return RowFailure(code_name(row.error.code), row.error.message)


def code_name(code: int) -> str:
    """Name of a gRPC status code."""
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), str(code))
