"""Scores as records of ``millstream.scores``: what is a score's own, then what its model's records have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

import msgspec

from features.nouns import KeyValue, Note, ViewReading
from features.vector import RequestValue
from grpc_api.finishing import readings
from grpc_api.scoring import Scored

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode: Final = msgspec.json.Encoder().encode


class _Own(msgspec.Struct, gc=False):
    """The fields of a `features.nouns.ScoreRecord` that are a score's own. NaN is null in JSON."""

    request_id: str
    scored_at: datetime
    as_of_us: int
    entity: dict[str, KeyValue]
    request: dict[str, RequestValue]
    routing_key: str
    views: tuple[ViewReading, ...]
    vector: list[float]
    raw_score: float
    score: float
    decision: str
    raw_scores: Sequence[float]
    scores: Sequence[float]
    notes: list[Note]
    source: Literal["fetched", "supplied", "defaulted"]


def encode_record(scored: Scored) -> bytes:
    """The record of a score, in JSON."""
    asked, vector, finished, prediction = scored.asked, scored.vector, scored.finished, scored.prediction
    own = _Own(
        asked.request_id,
        _instant(scored.scored_at_us),
        scored.as_of_us,
        asked.entity,
        asked.request,
        asked.routing_key,
        () if finished is None else readings(scored.model.inputs, finished, scored.births),
        vector.values,
        prediction.raw_score,
        prediction.score,
        prediction.decision,
        scored.raw_scores if prediction.scores else (),
        prediction.scores,
        vector.notes,
        "supplied" if finished is None else "defaulted" if finished.stored is None else "fetched",
    )
    return b"%b,%b" % (_encode(own)[:-1], scored.model.record_fields)


@lru_cache(maxsize=64)
def _instant(us: int) -> datetime:
    """When the rows of a chunk were scored."""
    return EPOCH + timedelta(microseconds=us)
