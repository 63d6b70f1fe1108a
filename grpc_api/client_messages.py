"""What the client takes as messages of the protocol, and its answers from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import index
from typing import Final, SupportsIndex
from uuid import uuid4

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.client_errors import CallRefusedError
from grpc_api.client_types import (
    BatchRow,
    ClassResult,
    Contribution,
    Entity,
    Explanation,
    FeatureNote,
    FeatureReading,
    FeatureSet,
    ModelInfo,
    ModelInput,
    RowFailure,
    Scalar,
    ScoreResult,
    Vector,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_value(scalar: Scalar) -> pb.Value:
    """A scalar as the protocol has it, those of numpy among them; a bool is not an integer."""
    if scalar is None:
        return pb.Value()
    if isinstance(scalar, bool):
        return pb.Value(flag=scalar)
    if isinstance(scalar, str):
        return pb.Value(text=scalar)
    if isinstance(scalar, SupportsIndex):
        return pb.Value(integer=index(scalar))
    return pb.Value(number=scalar)


def to_values(scalars: Mapping[str, Scalar] | Entity) -> dict[str, pb.Value]:
    """A map of scalars as the protocol has it; CallRefusedError where it has no such value."""
    values = {}
    for name, scalar in scalars.items():
        try:
            values[name] = to_value(scalar)
        except (TypeError, ValueError) as error:
            kinds = "text in UTF-8, an integer of 64 bits, a number, a bool, or None"
            raise CallRefusedError(f"{name} is {scalar!r:.60}; send {kinds}") from error
    return values


def to_vector(vector: Vector | None) -> pb.Vector | None:
    """A vector as the protocol has it."""
    if vector is None:
        return None
    if isinstance(vector, Mapping):
        return pb.Vector(names=vector.keys(), values=map(_or_nan, vector.values()))
    return pb.Vector(values=map(_or_nan, vector))


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def to_timestamp(instant: datetime | None) -> Timestamp | None:
    """An aware instant as the protocol has it; what is finer than a microsecond does not exist here."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise CallRefusedError(f"as_of {instant} has no time zone; write datetime(…, tzinfo=UTC)")
    seconds, us = divmod((instant - EPOCH) // timedelta(microseconds=1), 1_000_000)
    return Timestamp(seconds=seconds, nanos=us * 1_000)


def score_request(row: BatchRow | Entity, model: str | None, routing_key: str | None = None) -> pb.ScoreRequest:
    """A row as a request of its own."""
    if not isinstance(row, BatchRow):
        row = BatchRow(row)
    return pb.ScoreRequest(
        entity=to_values(row.entity),
        model=model or "",
        as_of=to_timestamp(row.as_of),
        request=to_values(row.request),
        request_id=row.request_id,
        vector=to_vector(row.vector),
        routing_key=routing_key or "",
    )


def batch_request(
    rows: Iterable[BatchRow | Entity], model: str | None, as_of: datetime | None, routing_key: str | None
) -> pb.ScoreBatchRequest:
    """Rows as one request, each with a request id, so that rows which are asked again are told by it."""
    batch = uuid4().hex
    return pb.ScoreBatchRequest(
        model=model or "",
        as_of=to_timestamp(as_of),
        rows=(_to_row(row, f"{batch}-{number}") for number, row in enumerate(rows)),
        routing_key=routing_key or "",
    )


def _to_row(row: BatchRow | Entity, request_id: str) -> pb.BatchRow:
    if not isinstance(row, BatchRow):
        return pb.BatchRow(entity=to_values(row), request_id=request_id)
    return pb.BatchRow(
        entity=to_values(row.entity),
        as_of=to_timestamp(row.as_of),
        request=to_values(row.request),
        request_id=row.request_id or request_id,
        vector=to_vector(row.vector),
    )


def features_request(row: BatchRow, service: str | None, model: str | None) -> pb.GetFeaturesRequest:
    """A request for features alone."""
    message = pb.GetFeaturesRequest(
        entity=to_values(row.entity), as_of=to_timestamp(row.as_of), request=to_values(row.request)
    )
    if service is not None:
        message.service = service
    elif model is not None:
        message.model = model
    return message


def explain_request(question: pb.ScoreRequest, top: int | None, class_name: str | None) -> pb.ExplainRequest:
    """A request for contributions."""
    if top is not None and top < 1:
        raise CallRefusedError(f"top is {top}; ask for one feature at least, or for None: all")
    return pb.ExplainRequest(question=question, top=top or 0, class_name=class_name or "")


def from_timestamp(stamp: Timestamp) -> datetime:
    """An instant of the protocol, aware, in UTC."""
    return EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)


def _number(value: pb.Value) -> int | float | None:
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


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
        classes=tuple(ClassResult(one.name, one.score, one.raw_score) for one in answer.classes),
    )


def from_score(response: pb.ScoreResponse) -> ScoreResult:
    """The answer to a request of its own."""
    return from_answer(response, response)


def from_batch(response: pb.ScoreBatchResponse) -> list[ScoreResult | RowFailure]:
    """One outcome a row."""
    return [_outcome(row, row.answer if row.answer.version else response) for row in response.rows]


def from_result(row: pb.RowResult) -> ScoreResult | RowFailure:
    """One outcome of a stream."""
    return _outcome(row, row.answer)


def _outcome(row: pb.RowResult, who: pb.ScoreResponse | pb.ScoreBatchResponse) -> ScoreResult | RowFailure:
    if row.HasField("answer"):
        return from_answer(row.answer, who)
    return RowFailure(code_name(row.error.code), row.error.message)


def from_features(response: pb.GetFeaturesResponse) -> FeatureSet:
    """The answer to a request for features."""
    return FeatureSet(
        service=response.service,
        as_of=from_timestamp(response.as_of),
        features=tuple(
            FeatureReading(one.name, _number(one.value), pb.Feature.Presence.Name(one.presence).lower())
            for one in response.features
        ),
        notes=_notes(response.notes),
    )


def from_explanation(response: pb.ExplainResponse) -> Explanation:
    """The answer to a request for contributions."""
    return Explanation(
        answer=from_score(response.answer),
        raw_score=response.raw_score,
        base=response.base,
        contributions=tuple(
            Contribution(one.feature, _number(one.value), one.contribution) for one in response.contributions
        ),
        rest=response.rest,
        class_name=response.class_name,
    )


def from_models(response: pb.ListModelsResponse) -> list[ModelInfo]:
    """What is served."""
    return [_model_info(one) for one in response.models]


def _model_info(one: pb.ModelInfo) -> ModelInfo:
    return ModelInfo(
        model=one.model,
        version=one.version,
        arm=one.arm,
        digest=one.digest,
        task=pb.Task.Name(one.task).lower(),
        service=one.service,
        inputs=tuple(ModelInput(each.name, _missing(each)) for each in one.inputs),
        join_keys={each.name: each.type for each in one.join_keys},
        request_fields={each.name: each.type for each in one.request_fields},
        classes=tuple(one.classes),
        thresholds=tuple(one.thresholds),
        decisions=tuple(one.decisions),
        view_hashes=dict(one.view_hashes),
        serving_since=from_timestamp(one.serving_since),
        explainable=one.explainable,
    )


def _missing(each: pb.ModelInput) -> str | float:
    kind = each.WhichOneof("missing")
    return each.default if kind == "default" else str(kind)


def code_name(code: int) -> str:
    """Name of a gRPC status code."""
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), str(code))
