"""Scores as the protocol has them, counted on their way out.

What all answers of a model have in common was encoded when it was loaded: encoded messages that follow each other
merge into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import from_note, set_duration, set_timestamp
from grpc_api.metrics import ScorerMetrics
from grpc_api.scoring import Scored
from grpc_api.served_model import ServedModel
from grpc_api.status import status_of

_MICROSECOND: Final = 1e-6


class Answers:
    """Builds the bytes of answers."""

    def __init__(self, metrics: ScorerMetrics) -> None:
        self._metrics = metrics
        self._counters: dict[tuple[str, ...], Counter] = {}

    def whole(self, scored: Scored) -> bytes:
        """A ``ScoreResponse`` that says who answered."""
        return scored.model.signature + self._answer(scored).SerializeToString()

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
            self._metrics.feature_age.observe((as_of_us - newest_us) * _MICROSECOND)
        for note in scored.vector.notes:
            answer.notes.append(from_note(note))
            self._metrics.notes.labels(note.reason).inc()
        self._count(scored.model, scored.decision)
        return answer

    def _count(self, model: ServedModel, decision: str) -> None:
        """Count a score. Looking a counter up by its labels costs more than the counting."""
        labels = (model.name, model.version, model.arm, decision)
        counter = self._counters.get(labels)
        if counter is None:
            counter = self._counters[labels] = self._metrics.scores.labels(*labels)
        counter.inc()
