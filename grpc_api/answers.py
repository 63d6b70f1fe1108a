"""Scores as the protocol has them, written by hand: building messages takes three times as long.

What all answers of a model have in common was encoded when it was loaded: encoded messages that follow each other
merge into one, so anything may be added to an answer as a message of its own that is encoded behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from features.nouns import Note
from features.protobuf_wire import delimited, duration, seconds_and_nanos, text
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import from_note
from grpc_api.scoring import Scored
from grpc_api.served_model import ServedModel
from grpc_api.status import status_of

_FIELD: Final = {field.name: field.number for field in pb.ScoreResponse.DESCRIPTOR.fields}
_DECISION, _AS_OF, _AGE, _NOTES, _REQUEST_ID, _CLASSES = (
    _FIELD[name] for name in ("decision", "as_of", "newest_feature_age", "notes", "request_id", "classes")
)
_SCORES: Final = struct.Struct("<BdBd")
_SCORE_TAG, _RAW_TAG = (_FIELD[name] << 3 | 1 for name in ("score", "raw_score"))
_ROWS: Final = pb.ScoreBatchResponse.DESCRIPTOR.fields_by_name["rows"].number
_ANSWER, _ERROR = (pb.RowResult.DESCRIPTOR.fields_by_name[name].number for name in ("answer", "error"))


def whole_answer(scored: Scored) -> bytes:
    """A ``ScoreResponse`` that says who answered."""
    return scored.model.signature + own_answer(scored)


def batch_head(model: ServedModel) -> bytes:
    """The part of a ``ScoreBatchResponse`` that says who answered."""
    return pb.ScoreBatchResponse(
        model=model.name, version=model.version, arm=model.arm, view_hashes=model.view_hashes
    ).SerializeToString()


def batch_rows(outcomes: Sequence[Scored | Exception], head: ServedModel) -> bytes:
    """The rows of a ``ScoreBatchResponse`` whose head says who answered those that do not say it themselves."""
    return b"".join([delimited(_ROWS, row_result(outcome, head)) for outcome in outcomes])


def row_result(outcome: Scored | Exception, head: ServedModel | None = None) -> bytes:
    """One row's answer, with who gave it unless that is the head's model, or why there is none: a ``RowResult``."""
    if isinstance(outcome, Scored):
        return delimited(_ANSWER, own_answer(outcome) if outcome.model is head else whole_answer(outcome))
    status = status_of(outcome)
    return delimited(_ERROR, pb.RowError(code=status.code, message=status.message).SerializeToString())


def own_answer(scored: Scored) -> bytes:
    """What is this answer's own of a ``ScoreResponse``."""
    prediction, finished, notes, as_of_us = scored.prediction, scored.finished, scored.vector.notes, scored.as_of_us
    newest_us = None if finished is None else finished.newest_us
    return b"".join(
        (
            _SCORES.pack(_SCORE_TAG, prediction.score, _RAW_TAG, prediction.raw_score),
            text(_DECISION, prediction.decision),
            _as_of(as_of_us),
            b"" if newest_us is None else delimited(_AGE, duration(as_of_us - newest_us)),
            *(map(_note, notes) if notes else ()),
            delimited(_REQUEST_ID, scored.asked.request_id.encode()),
            *(_classes(scored) if prediction.scores else ()),
        )
    )


@lru_cache(maxsize=64)
def _as_of(us: int) -> bytes:
    """The instant, which the rows of a batch share."""
    return delimited(_AS_OF, seconds_and_nanos(us))


@lru_cache(maxsize=4096)
def _note(note: Note) -> bytes:
    return delimited(_NOTES, from_note(note).SerializeToString())


def _classes(scored: Scored) -> Iterator[bytes]:
    of_classes = zip(scored.model.head.classes, scored.prediction.scores, scored.raw_scores, strict=True)
    for name, score, raw_score in of_classes:
        yield delimited(_CLASSES, pb.ClassScore(name=name, score=score, raw_score=raw_score).SerializeToString())
