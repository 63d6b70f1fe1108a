"""Scores as the protocol has them.

What all answers of a model have in common was encoded when it was loaded: encoded messages that follow each other
merge into one.
"""

from __future__ import annotations

from collections.abc import Sequence

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import from_note, set_duration, set_timestamp
from grpc_api.scoring import Scored
from grpc_api.served_model import ServedModel
from grpc_api.status import status_of


def whole_answer(scored: Scored) -> bytes:
    """A ``ScoreResponse`` that says who answered."""
    return scored.model.signature + own_answer(scored).SerializeToString()


def batch_head(model: ServedModel) -> bytes:
    """The part of a ``ScoreBatchResponse`` that says who answered."""
    return pb.ScoreBatchResponse(
        model=model.name, version=model.version, arm=model.arm, view_hashes=model.view_hashes
    ).SerializeToString()


def batch_rows(outcomes: Sequence[Scored | Exception]) -> bytes:
    """The rows of a ``ScoreBatchResponse``."""
    return pb.ScoreBatchResponse(rows=[row_result(outcome) for outcome in outcomes]).SerializeToString()


def row_result(outcome: Scored | Exception) -> pb.RowResult:
    """One row's answer, or why there is none."""
    if isinstance(outcome, Scored):
        return pb.RowResult(answer=own_answer(outcome))
    status = status_of(outcome)
    return pb.RowResult(error=pb.RowError(code=status.code, message=status.message))


def own_answer(scored: Scored) -> pb.ScoreResponse:
    """What is this answer's own. Set field by field: building messages to copy them takes twice as long."""
    answer = pb.ScoreResponse()
    answer.score = scored.score
    answer.raw_score = scored.raw_score
    answer.decision = scored.decision
    answer.request_id = scored.asked.request_id
    as_of_us, newest_us = scored.as_of_us, scored.finished.newest_us
    set_timestamp(answer.as_of, as_of_us)
    if newest_us is not None:
        set_duration(answer.newest_feature_age, as_of_us - newest_us)
    for note in scored.vector.notes:
        answer.notes.append(from_note(note))
    return answer
