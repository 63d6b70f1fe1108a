"""From checked rows and their fetched states to scores: the part of the scorer that waits for nobody."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from features.errors import RequestError
from features.head import Prediction
from features.nouns import KeyValue
from features.vector import RequestValue, Vector
from grpc_api.births import Births
from grpc_api.finishing import Finished, to_vector
from grpc_api.laps import Laps
from grpc_api.lookup import Fetched
from grpc_api.served_model import ServedModel


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One row of a request, checked.

    ``as_of_us`` None means now, a ``vector`` that nothing is fetched, a ``routing_key`` that not the entity routes it.
    """

    request_id: str
    entity: dict[str, KeyValue]
    as_of_us: int | None
    request: dict[str, RequestValue]
    vector: Vector | None = None
    routing_key: str = ""


class Scored(msgspec.Struct, frozen=True, gc=False):
    """One score, with all that its answer and its record say.

    ``finished`` is None where the caller supplied the vector. ``raw_scores`` are those of all outputs.
    """

    model: ServedModel
    asked: Asked
    as_of_us: int
    scored_at_us: int
    births: Births
    finished: Finished | None
    vector: Vector
    raw_scores: Sequence[float]
    prediction: Prediction


class _Ready(msgspec.Struct, frozen=True, gc=False):
    """A row that only the model is missing from."""

    asked: Asked
    as_of_us: int
    finished: Finished | None
    vector: Vector


def score_rows(
    model: ServedModel, rows: Sequence[Asked], fetched: Fetched, now_us: int, laps: Laps
) -> list[Scored | Exception]:
    """Score rows; what is wrong with one row is its outcome alone.

    ``fetched`` holds the states of those rows that brought no vector, in their order; ``laps`` is told how far it is.
    """
    stored = iter(fetched.rows)
    prepared = [
        _prepare(model, asked, next(stored), now_us) if asked.vector is None else _supplied(asked, asked.vector, now_us)
        for asked in rows
    ]
    vectors = [one.vector.values for one in prepared if isinstance(one, _Ready)]
    laps.finished()
    raws = iter(model.scorer.score_vectors(vectors) if vectors else ())
    laps.modelled()
    return [
        one if isinstance(one, Exception) else _predict(model, one, next(raws), fetched.births, now_us)
        for one in prepared
    ]


def _predict(
    model: ServedModel, ready: _Ready, raws: Sequence[float], births: Births, now_us: int
) -> Scored | Exception:
    try:
        prediction = model.head.predict(raws)
    except RequestError as error:
        return error
    return Scored(model, ready.asked, ready.as_of_us, now_us, births, ready.finished, ready.vector, raws, prediction)


def _supplied(asked: Asked, vector: Vector, now_us: int) -> _Ready:
    """A row whose vector the caller supplied."""
    return _Ready(asked, now_us if asked.as_of_us is None else asked.as_of_us, None, vector)


def _prepare(
    model: ServedModel, asked: Asked, stored: Sequence[bytes | None] | None, now_us: int
) -> _Ready | Exception:
    """A row's vector as of its instant, or why there is none."""
    as_of_us = now_us if asked.as_of_us is None else asked.as_of_us
    try:
        finished, vector = to_vector(model.inputs, stored, as_of_us, asked.request)
    except Exception as error:  # a defect met by one row must not take the others with it
        return error
    return _Ready(asked, as_of_us, finished, vector)
