"""Rows that are scored together: fetched, scored in their turn, recorded and counted; a bad row fails alone.

Between fetch and answer nothing awaits but the turn, so an answer is of one moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from features.clock import Clock
from features.errors import UnavailableError
from grpc_api.births import Births
from grpc_api.call import Call
from grpc_api.laps import Laps
from grpc_api.lookup import Fetched
from grpc_api.meter import NOBODY, Meter, RowFailed, told
from grpc_api.questions import Question
from grpc_api.reads import Reads
from grpc_api.records import RecordSink
from grpc_api.score_cache import ScoreCache
from grpc_api.scoring import Asked, Scored, score_rows
from grpc_api.served_model import ServedModel
from grpc_api.status import is_ours, status_of
from grpc_api.turns import Turns

logger: Final = structlog.get_logger(__name__)

NOTHING_FETCHED: Final = Fetched(Births({}), [])


def never() -> bool:
    """What is asked of chunks that fail row by row."""
    return False


class ChunkScorer:
    """Scores a row, or a chunk of rows.

    Parameters
    ----------
    reads, batch_reads
        The ways to the store of single rows and of chunks, which would hold up the former.
    turns
        Whose turn it is to use the processor.
    records, clock, meter
        Collaborators.
    cache
        Knows scores of before, where scores of before may answer.

    """

    def __init__(
        self,
        *,
        reads: Reads,
        batch_reads: Reads,
        turns: Turns,
        records: RecordSink,
        clock: Clock,
        meter: Meter,
        cache: ScoreCache | None,
    ) -> None:
        self._reads = reads
        self._batch_reads = batch_reads
        self._turns = turns
        self._records = records
        self._clock = clock
        self._meter = meter
        self._score_rows = score_rows if cache is None else cache.score_rows

    async def score_one(self, question: Question, call: Call, method: str) -> tuple[Scored, Laps]:
        """The score of one row, which nobody has been told of yet, and its stages."""
        model, asked = question.model, question.row
        call.request_id = asked.request_id
        laps = Laps(method)
        try:
            fetched = await self._fetch(self._reads, model, [asked], call)
            laps.fetched()
            (outcome,) = await self._score_in_turn(model, [asked], fetched, call, laps)
            if isinstance(outcome, Exception):
                raise outcome
        except Exception as error:
            self._meter.note(RowFailed(status_of(error).code, model.who))
            raise
        return outcome, laps

    async def score_chunk(
        self,
        questions: Sequence[Question | Exception],
        call: Call,
        method: str,
        fails_whole: Callable[[], bool] = never,
    ) -> list[Scored | Exception]:
        """Score some rows, each by the arm that it goes to, record them, and keep the order.

        ``fails_whole`` is asked, where none of them has a score without the store, whether that is the call's failure.
        """
        answers: dict[int, Scored | Exception] = {
            place: one for place, one in enumerate(questions) if isinstance(one, Exception)
        }
        for model, rows in shared_out(questions):
            laps = Laps(method)
            found = await self._fetch_and_score(model, list(rows.values()), call, laps, fails_whole)
            self.keep(model, [one for one in found if isinstance(one, Scored)], laps, call)
            answers |= zip(rows, found, strict=True)
        for place, question in enumerate(questions):
            answer = answers[place]
            if isinstance(answer, Exception):
                self._row_failed(question, answer, call)
        return [answers[place] for place in range(len(questions))]

    def keep(self, model: ServedModel, outcomes: list[Scored], laps: Laps, call: Call) -> None:
        """Record, count and trace what a model has scored together."""
        self._records.send(outcomes)
        self._meter.note(told(model, outcomes, laps))
        self._meter.note(laps)
        if call.trace is not None:
            call.trace.add(laps, outcomes)

    async def _fetch_and_score(
        self, model: ServedModel, rows: list[Asked], call: Call, laps: Laps, fails_whole: Callable[[], bool]
    ) -> list[Scored | Exception]:
        """The outcome of each row; without the store, rows that brought a vector have a score all the same."""
        try:
            fetched = await self._fetch(self._batch_reads, model, rows, call)
        except UnavailableError as error:
            supplied = [row for row in rows if row.vector is not None]
            if (
                not supplied and fails_whole()
            ):  # nothing is lost by failing the whole call, and the caller sees it at once
                raise
            laps.fetched()
            outcomes = iter(await self._score_in_turn(model, supplied, NOTHING_FETCHED, call, laps))
            return [error if row.vector is None else next(outcomes) for row in rows]
        laps.fetched()
        return await self._score_in_turn(model, rows, fetched, call, laps)

    async def _score_in_turn(
        self, model: ServedModel, rows: Sequence[Asked], fetched: Fetched, call: Call, laps: Laps
    ) -> list[Scored | Exception]:
        """Score rows once it is the call's turn; DeadlinePassedError where its answer is not wanted by then."""
        if not self._turns.free:
            await self._turns.wait()
            call.require_wanted()
            laps.waited()
        begin_s = time.perf_counter()
        try:
            return self._score_rows(model, rows, fetched, self._clock.now_us(), laps)
        finally:
            self._turns.spent(time.perf_counter() - begin_s)

    async def _fetch(self, reads: Reads, model: ServedModel, rows: Sequence[Asked], call: Call) -> Fetched:
        """States of those rows that brought no vector."""
        entities = [row.entity for row in rows if row.vector is None]
        return await reads.read_or_default(model, entities, call) if entities else NOTHING_FETCHED

    def _row_failed(self, question: Question | Exception, error: Exception, call: Call) -> None:
        """Count a row without a score; a fault of ours is logged."""
        status = status_of(error)
        who, names = NOBODY, call.names()
        if isinstance(question, Question):
            who, names["request_id"] = question.model.who, question.row.request_id
        self._meter.note(RowFailed(status.code, who))
        if is_ours(status):
            logger.error("row_failed", model=who[0] or None, **names, exc_info=error)


def shared_out(questions: Sequence[Question | Exception]) -> list[tuple[ServedModel, dict[int, Asked]]]:
    """The rows that each model is to answer, by their places."""
    rows: dict[int, tuple[ServedModel, dict[int, Asked]]] = {}
    for place, question in enumerate(questions):
        if isinstance(question, Question):
            model = question.model
            rows.setdefault(id(model), (model, {}))[1][place] = question.row
    return list(rows.values())
