"""Scores as the protocol has them, counted on their way out.

What all answers of a model have in common was encoded when it was loaded: encoded messages that follow each other
merge into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import SECOND_US, from_note, from_us
from grpc_api.metrics import ScorerMetrics
from grpc_api.scoring import Scored
from grpc_api.served_model import ServedModel
from grpc_api.status import status_of

_MICROSECOND: Final = 1e-6


class Answers:
    """Builds the bytes of answers."""

    def __init__(self, metrics: ScorerMetrics) -> None:
        self._metrics = metrics

    def whole(self, model: ServedModel, scored: Scored) -> bytes:
        """A ``ScoreResponse`` that says who answered."""
        return model.signature + self._answer(scored).SerializeToString()

    def head(self, model: ServedModel) -> bytes:
        """The part of a ``ScoreBatchResponse`` that says who answered."""
        return pb.ScoreBatchResponse(
            model=model.name, version=model.version, arm=model.arm, view_hashes=model.view_hashes
        ).SerializeToString()

    def rows(self, outcomes: Sequence[Scored | Exception]) -> bytes:
        """The rows of a ``ScoreBatchResponse``."""
        return pb.ScoreBatchResponse(rows=[self._row(outcome) for outcome in outcomes]).SerializeToString()

    def _row(self, outcome: Scored | Exception) -> pb.RowResult:
        if isinstance(outcome, Scored):
            return pb.RowResult(answer=self._answer(outcome))
        status = status_of(outcome)
        self._metrics.row_errors.labels(status.code.name).inc()
        return pb.RowResult(error=pb.RowError(code=status.code, message=status.message))

    def _answer(self, scored: Scored) -> pb.ScoreResponse:
        record = scored.record
        answer = pb.ScoreResponse(
            score=record.score,
            raw_score=record.raw_score,
            decision=record.decision,
            as_of=from_us(record.as_of_us),
            request_id=record.request_id,
        )
        if scored.newest_us is not None:
            age_us = record.as_of_us - scored.newest_us
            answer.newest_feature_age.CopyFrom(to_duration(age_us))
            self._metrics.feature_age.observe(age_us * _MICROSECOND)
        if record.notes:
            answer.notes.extend([from_note(note) for note in record.notes])
            for note in record.notes:
                self._metrics.notes.labels(note.reason).inc()
        self._metrics.scores.labels(record.model, record.version, record.arm, record.decision).inc()
        return answer


def to_duration(us: int) -> Duration:
    """Microseconds as protobuf has them: seconds and nanoseconds of one sign."""
    seconds, rest = divmod(abs(us), SECOND_US)
    return Duration(seconds=seconds, nanos=rest * 1_000) if us >= 0 else Duration(seconds=-seconds, nanos=-rest * 1_000)
