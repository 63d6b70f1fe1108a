"""Scores as records of ``millstream.scores``: what is a score's own, then what its model's records have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from typing import Final, Literal

import msgspec

from features.kernel import ViewKernel
from features.nouns import KeyValue, Note
from features.plan import ViewPlan
from features.vector import RequestValue
from grpc_api.births import Births
from grpc_api.finishing import Finished
from grpc_api.scoring import Scored

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode: Final = msgspec.json.Encoder().encode
_NONE_READ: Final = msgspec.Raw(b"[]")


class _Own(msgspec.Struct, gc=False):
    """The fields of a `features.nouns.ScoreRecord` that are a score's own. NaN is null in JSON."""

    request_id: str
    scored_at: datetime
    as_of_us: int
    entity: dict[str, KeyValue]
    request: dict[str, RequestValue]
    routing_key: str
    views: msgspec.Raw
    vector: list[float]
    raw_score: float
    score: float
    decision: str
    raw_scores: Sequence[float]
    scores: Sequence[float]
    notes: list[Note]
    source: Literal["fetched", "supplied", "defaulted"]


class _Where(msgspec.Struct, gc=False):
    """The fields of a `features.nouns.ViewReading` that are a state's own."""

    positions: tuple[tuple[str, int, int], ...]
    newest_us: int | None


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
        _NONE_READ if finished is None or finished.stored is None else _readings(scored, finished),
        vector.values,
        prediction.raw_score,
        prediction.score,
        prediction.decision,
        scored.raw_scores if prediction.scores else (),
        prediction.scores,
        vector.notes,
        "supplied" if finished is None else "defaulted" if finished.stored is None else "fetched",
    )
    return b"".join((_encode(own)[:-1], b",", scored.model.record_fields))


def _readings(scored: Scored, finished: Finished) -> msgspec.Raw:
    """The `readings`, as encoding them would write them: what those of a view have in common was encoded before."""
    inputs, stored = scored.model.inputs, finished.stored or ()
    written = map(_reading, inputs.views, inputs.kernels, stored, finished.newest, repeat(scored.births))
    return msgspec.Raw(b"[" + b",".join(written) + b"]")


def _reading(view: ViewPlan, kernel: ViewKernel, data: bytes | None, newest_us: int | None, births: Births) -> bytes:
    where = _Where(() if data is None else kernel.positions_of(data), newest_us)
    return _begin(view.name, view.hash, births.birth(view)) + _encode(where)[1:]


@lru_cache(maxsize=256)
def _begin(view: str, view_hash: str, birth: str) -> bytes:
    """What the readings of a view begin with."""
    return _encode({"view": view, "view_hash": view_hash, "birth": birth})[:-1] + b","


@lru_cache(maxsize=64)
def _instant(us: int) -> datetime:
    """When the rows of a chunk were scored."""
    return EPOCH + timedelta(microseconds=us)
