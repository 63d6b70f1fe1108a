"""From checked rows and their fetched states to scores: the part of the scorer that waits for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from features.nouns import KeyValue
from features.sigmoid import sigmoid
from features.vector import RequestValue, Vector
from grpc_api.births import Births
from grpc_api.finishing import Finished, finish
from grpc_api.lookup import Fetched
from grpc_api.served_model import ServedModel


class Asked(NamedTuple):
    """One row of a request, checked. ``as_of_us`` None means now."""

    request_id: str
    entity: dict[str, KeyValue]
    as_of_us: int | None
    request: dict[str, RequestValue]


class Scored(NamedTuple):
    """One score, with all that its answer and its record say."""

    model: ServedModel
    asked: Asked
    as_of_us: int
    scored_at_us: int
    births: Births
    finished: Finished
    vector: Vector
    raw_score: float
    score: float
    decision: str


class _Ready(NamedTuple):
    """A row that only the model is missing from."""

    asked: Asked
    as_of_us: int
    finished: Finished
    vector: Vector


def score_rows(model: ServedModel, rows: Sequence[Asked], fetched: Fetched, now_us: int) -> list[Scored | Exception]:
    """Score rows whose states were fetched; what is wrong with one row is its outcome alone."""
    prepared = [_prepare(model, asked, stored, now_us) for asked, stored in zip(rows, fetched.rows, strict=True)]
    vectors = [one.vector.values for one in prepared if isinstance(one, _Ready)]
    raws = iter(model.scorer.raw_scores(np.array(vectors)).tolist() if vectors else ())
    outcomes: list[Scored | Exception] = []
    for one in prepared:
        if isinstance(one, Exception):
            outcomes.append(one)
            continue
        raw = next(raws)
        score = sigmoid(raw)
        decision = model.decision.of(score)
        asked, as_of_us, finished, vector = one
        outcomes.append(Scored(model, asked, as_of_us, now_us, fetched.births, finished, vector, raw, score, decision))
    return outcomes


def _prepare(model: ServedModel, asked: Asked, stored: Sequence[bytes | None], now_us: int) -> _Ready | Exception:
    """A row's vector as of its instant, or why there is none."""
    as_of_us = now_us if asked.as_of_us is None else asked.as_of_us
    try:
        finished = finish(model.inputs, stored, as_of_us)
        vector = model.inputs.assembler.assemble(as_of_us, finished.values, asked.request)
    except Exception as error:  # a defect met by one row must not take the others with it
        return error
    return _Ready(asked, as_of_us, finished, vector)
