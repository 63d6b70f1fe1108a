"""From checked rows and their fetched states to scores: the part of the scorer that waits for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from features.nouns import KeyValue, ScoreRecord
from features.sigmoid import sigmoid
from features.vector import RequestValue, Vector
from grpc_api.births import Births
from grpc_api.lookup import Fetched, Finished, Kernels, finish
from grpc_api.served_model import ServedModel

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Asked(NamedTuple):
    """One row of a request, checked. ``as_of_us`` None means now."""

    request_id: str
    entity: dict[str, KeyValue]
    as_of_us: int | None
    request: dict[str, RequestValue]


class Scored(NamedTuple):
    """One score: its record, which holds all that the answer says, and the entity's newest event."""

    record: ScoreRecord
    newest_us: int | None


class _Ready(NamedTuple):
    """A row that only the model is missing from."""

    asked: Asked
    as_of_us: int
    finished: Finished
    vector: Vector


def score_rows(
    model: ServedModel, kernels: Kernels, rows: Sequence[Asked], fetched: Fetched, now_us: int
) -> list[Scored | Exception]:
    """Score rows whose states were fetched; what is wrong with one row is its outcome alone."""
    prepared = [
        _prepare(model, kernels, asked, stored, fetched.births, now_us)
        for asked, stored in zip(rows, fetched.rows, strict=True)
    ]
    vectors = [one.vector.values for one in prepared if isinstance(one, _Ready)]
    raws = iter(model.scorer.raw_scores(np.array(vectors)).tolist() if vectors else ())
    scored_at = EPOCH + timedelta(microseconds=now_us)
    return [
        Scored(_record(model, one, next(raws), scored_at), one.finished.newest_us) if isinstance(one, _Ready) else one
        for one in prepared
    ]


def _prepare(
    model: ServedModel, kernels: Kernels, asked: Asked, stored: Sequence[bytes | None], births: Births, now_us: int
) -> _Ready | Exception:
    """A row's vector as of its instant, or why there is none."""
    as_of_us = now_us if asked.as_of_us is None else asked.as_of_us
    try:
        finished = finish(kernels, model.inputs.views, stored, births, as_of_us)
        vector = model.inputs.assembler.assemble(as_of_us, finished.values, asked.request)
    except Exception as error:  # a defect met by one row must not take the others with it
        return error
    return _Ready(asked, as_of_us, finished, vector)


def _record(model: ServedModel, row: _Ready, raw_score: float, scored_at: datetime) -> ScoreRecord:
    """The record of one score."""
    score = sigmoid(raw_score)
    return ScoreRecord(
        request_id=row.asked.request_id,
        scored_at=scored_at,
        as_of_us=row.as_of_us,
        model=model.name,
        version=model.version,
        digest=model.digest,
        arm=model.arm,
        plan_hash=model.plan_hash,
        service=model.inputs.service,
        entity=row.asked.entity,
        request=row.asked.request,
        views=row.finished.readings,
        features=model.features,
        vector=tuple(
            [None if value != value else value for value in row.vector.values]
        ),  # NaN alone differs from itself
        raw_score=raw_score,
        score=score,
        decision=model.decision.of(score),
        notes=tuple(row.vector.notes),
    )
