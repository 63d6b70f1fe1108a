"""``/predict`` and ``/predict_batch``: `Score` and `ScoreBatch` in the words that most services use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import ValidationError

from features.errors import RequestError
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.catalogue import Catalogue
from grpc_api.core import CHUNK_ROWS, SERVICE
from grpc_api.messages import notes_in_words, set_timestamp
from grpc_api.rest.asking import Asking, asks
from grpc_api.rest.errors import told
from grpc_api.rest.prediction_models import (
    Failure,
    Instance,
    PredictBatchRequest,
    PredictBatchResponse,
    PredictRequest,
    PredictResponse,
    RowAnswered,
    RowFailed,
    Scalar,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
FIELD_OF: Final = {bool: "flag", int: "integer", float: "number", str: "text"}
FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Failure, "description": "The question is wrong."},
    401: {"model": Failure, "description": "The caller does not prove who it is."},
    404: {"model": Failure, "description": "There is no such model."},
    413: {"model": Failure, "description": "The body is too large."},
    429: {"model": Failure, "description": "There are more calls than there may be; try again later."},
    500: {"model": Failure, "description": "The server failed; its log has the detail."},
    503: {"model": Failure, "description": "Nothing can answer now; try again."},
    504: {"model": Failure, "description": "The caller's time was over."},
}


def prediction_routes(asking: Asking, catalogue: Catalogue, max_batch_rows: int) -> APIRouter:
    """The two routes."""
    router = APIRouter(tags=["predict"], responses=FAILURES, route_class=asking.route_class)

    @router.post("/predict", summary="Score one instance", response_model_exclude_unset=True)
    @asks(f"/{SERVICE}/Score")
    async def predict(question: PredictRequest, request: Request) -> PredictResponse:
        begin_s = time.perf_counter()
        message = pb.ScoreRequest(model=question.model, routing_key=question.routing_key)
        fill(message, question)
        answer = await asking.ask(message, pb.ScoreResponse, request)
        said = predicted(answer, answer.version, catalogue.info(answer.model))
        return PredictResponse(**said, processing_time_ms=_since_ms(begin_s))

    @router.post("/predict_batch", summary="Score many instances", response_model_exclude_unset=True)
    @asks(f"/{SERVICE}/ScoreBatch")
    async def predict_batch(question: PredictBatchRequest, request: Request) -> PredictBatchResponse:
        begin_s = time.perf_counter()
        n_instances = len(question.instances)
        if n_instances > max_batch_rows:
            raise RequestError("instances", f"are {n_instances}", f"send at most {max_batch_rows} at a time")
        message = pb.ScoreBatchRequest(model=question.model, routing_key=question.routing_key)
        refused: dict[int, RowFailed] = {}
        for at, given in enumerate(question.instances):
            try:
                fill(message.rows.add(), Instance.model_validate(given))
            except ValidationError as error:
                del message.rows[-1]
                refused[at] = failed(str(told(error.errors())))
            if at % CHUNK_ROWS == CHUNK_ROWS - 1:  # others get their turn
                await asyncio.sleep(0)
        answer = await asking.ask(message, pb.ScoreBatchResponse, request)
        model, rows = catalogue.info(answer.model), iter(answer.rows)
        results = [
            refused[at] if at in refused else row_result(next(rows), answer.version, model) for at in range(n_instances)
        ]
        return PredictBatchResponse(predictions=results, processing_time_ms=_since_ms(begin_s))

    return router


def fill(message: pb.ScoreRequest | pb.BatchRow, instance: Instance) -> None:
    """Put an instance into the message that asks for its score."""
    message.request_id = instance.request_id
    _put(message.entity, instance.entity)
    _put(message.request, instance.request)
    if instance.as_of is not None:
        set_timestamp(message.as_of, (instance.as_of - EPOCH) // MICROSECOND)
    if instance.features is not None:
        message.vector.SetInParent()
        features = instance.features
        if isinstance(features, dict):
            message.vector.names.extend(features)
            features = list(features.values())
        message.vector.values.extend([float("nan") if value is None else value for value in features])


def predicted(answer: pb.ScoreResponse, version: str, model: pb.ModelInfo) -> dict[str, Any]:
    """The fields of `Predicted`."""
    probability = confidence = None
    if model.task == pb.MULTICLASS:
        probability = confidence = answer.score
    elif model.task == pb.BINARY:
        probability, confidence = answer.score, max(answer.score, 1.0 - answer.score)
    return {
        "prediction": answer.decision or answer.score,
        "probability": probability,
        "confidence": confidence,
        "model_version": version,
        "request_id": answer.request_id,
        **({"notes": notes_in_words(answer)} if answer.notes else {}),
    }


def row_result(row: pb.RowResult, version: str, model: pb.ModelInfo) -> RowAnswered | RowFailed:
    """One instance's answer, or why there is none."""
    if row.HasField("error"):
        return failed(row.error.message)
    return RowAnswered(**predicted(row.answer, row.answer.version or version, model), status="ok")


def failed(message: str) -> RowFailed:
    """The result of an instance without a score."""
    return RowFailed(prediction=None, status="error", error=message)


def _put(values: Any, given: Mapping[str, Scalar]) -> None:
    """Set a map of values; null is a value with nothing set."""
    for name, value in given.items():
        into = values[name]
        if value is not None:
            setattr(into, FIELD_OF[type(value)], value)


def _since_ms(begin_s: float) -> float:
    return (time.perf_counter() - begin_s) * 1e3
