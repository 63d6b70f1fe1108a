"""The scorer behind any transport: the bytes of a request in, the bytes of its response out, our own errors raised.

Between fetch and answer nothing awaits, so an answer is of one moment.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import count
from secrets import token_hex
from typing import Any, Final, NamedTuple

import structlog

from features.clock import Clock
from features.errors import MillstreamError, RequestError, UnavailableError
from features.vector import RequestValue, Vector
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.answers import batch_head, batch_rows, row_result, whole_answer
from grpc_api.births import Births
from grpc_api.call import Call
from grpc_api.explanation import explained_output, explanation
from grpc_api.feature_answer import feature_answer
from grpc_api.finishing import finish, readings
from grpc_api.gathering import gathered
from grpc_api.laps import Laps
from grpc_api.lookup import Fetched
from grpc_api.messages import parse_into, to_scalars, to_us
from grpc_api.meter import Meter, RowFailed
from grpc_api.methods import BidirectionalMethod, Method, UnaryMethod
from grpc_api.model_info import model_info
from grpc_api.model_set import ModelSet
from grpc_api.models import Models
from grpc_api.overlap import overlapped
from grpc_api.reads import Reads
from grpc_api.records import RecordSink
from grpc_api.score_cache import ScoreCache
from grpc_api.scoring import Asked, Scored, score_rows
from grpc_api.served_model import Inputs, ServedModel
from grpc_api.shadows import Shadows
from grpc_api.status import DeadlinePassedError, UnknownNameError, is_ours, status_of
from grpc_api.turns import Turns

logger: Final = structlog.get_logger(__name__)

SERVICE: Final = pb.DESCRIPTOR.services_by_name["Scoring"].full_name
CHUNK_ROWS: Final = 100
"""Rows of a batch that are fetched and scored together; between chunks other calls get their turn."""

CHUNKS_UNDER_WAY: Final = 2
"""Chunks of one batch at a time: the store answers one while the one before it is scored."""

STREAM_ROWS: Final = 64
"""Rows of a stream that are scored together at most; as many more wait, and no others are read meanwhile."""

NOTHING_FETCHED: Final = Fetched(Births({}), [])


class _Question(NamedTuple):
    """One row: the model that it asks, which of its arms is to answer, and what it asks."""

    models: ModelSet
    model: ServedModel
    row: Asked


class Core:
    """Answers requests.

    Parameters
    ----------
    services
        What each feature service needs, for requests that ask for features alone; see `declare`.
    models, records, shadows, clock, meter
        Collaborators.
    reads, batch_reads
        The ways to the store of single rows and of batches, which would hold up the former.
    turns
        Whose turn it is to use the processor.
    max_batch_rows
        Batches with more rows are refused.
    cache
        Knows scores of before, where scores of before may answer.

    """

    def __init__(
        self,
        *,
        services: Mapping[str, Inputs],
        models: Models,
        reads: Reads,
        batch_reads: Reads,
        turns: Turns,
        records: RecordSink,
        shadows: Shadows,
        clock: Clock,
        meter: Meter,
        max_batch_rows: int,
        cache: ScoreCache | None = None,
    ) -> None:
        self._services = services
        self._models = models
        self._reads = reads
        self._batch_reads = batch_reads
        self._turns = turns
        self._records = records
        self._shadows = shadows
        self._clock = clock
        self._meter = meter
        self._max_batch_rows = max_batch_rows
        self._score_rows = score_rows if cache is None else cache.score_rows
        self._id_prefix = token_hex(8)
        self._ids = count(1)

    def declare(self, services: Mapping[str, Inputs]) -> None:
        """Give features of these services from the next request on."""
        self._services = services

    def methods(self) -> Iterator[Method]:
        """The methods of the scoring service."""
        yield UnaryMethod(f"/{SERVICE}/Score", "score", self.score)
        yield UnaryMethod(f"/{SERVICE}/ScoreBatch", "score", self.score_batch)
        yield BidirectionalMethod(f"/{SERVICE}/ScoreStream", "score", self.score_stream)
        yield UnaryMethod(f"/{SERVICE}/GetFeatures", "score", self.get_features)
        yield UnaryMethod(f"/{SERVICE}/Explain", "score", self.explain)
        yield UnaryMethod(f"/{SERVICE}/ListModels", "score", self.list_models)

    async def score(self, data: bytes, call: Call) -> bytes:
        """``ScoreRequest`` to ``ScoreResponse``."""
        message = pb.ScoreRequest()
        parse_into(message, data)
        question = self._question(self._models.find(message.model), message, None, message.routing_key)
        scored, laps = await self._score_one(question, call, "Score")
        self._keep([scored], laps, call)
        self._shadows.offer(question.models, [scored])
        return whole_answer(scored)

    async def explain(self, data: bytes, call: Call) -> bytes:
        """``ExplainRequest`` to ``ExplainResponse``."""
        message = pb.ExplainRequest()
        parse_into(message, data)
        asked = message.question
        question = self._question(self._models.find(asked.model), asked, None, asked.routing_key)
        scored, _ = await self._score_one(question, call, "Explain")
        output = explained_output(scored, message.class_name)
        explained = await scored.model.explainer.explain(scored.vector.values, output)
        return explanation(scored, output, explained, message.top).SerializeToString()

    async def list_models(self, data: bytes, _call: Call) -> bytes:
        """``ListModelsRequest`` to ``ListModelsResponse``."""
        message = pb.ListModelsRequest()
        parse_into(message, data)
        models = [self._models.find(message.model)] if message.model else self._models.served.values()
        infos = [model_info(arm, self._models.since_us(arm)) for each in models for arm in each.arms]
        infos.sort(key=lambda info: (info.model, info.arm))
        return pb.ListModelsResponse(models=infos).SerializeToString()

    async def _score_one(self, question: _Question, call: Call, method: str) -> tuple[Scored, Laps]:
        """The score of one row, which nobody has been told of yet, and its stages."""
        _, model, asked = question
        call.request_id = asked.request_id
        laps = Laps(method)
        fetched = await self._fetch(self._reads, model, [asked], call)
        laps.fetched()
        (outcome,) = await self._score_in_turn(model, [asked], fetched, call, laps)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, laps

    async def score_batch(self, data: bytes, call: Call, version: str = "") -> bytes:
        """``ScoreBatchRequest`` to ``ScoreBatchResponse``; who names a version is answered by that champion alone.

        Between chunks others get their turn; DeadlinePassedError once the answer is not wanted any more.
        """
        message = pb.ScoreBatchRequest()
        parse_into(message, data)
        if len(message.rows) > self._max_batch_rows:
            raise RequestError("rows", f"are {len(message.rows)}", f"send at most {self._max_batch_rows} at a time")
        models = self._models.find(message.model)
        if version:
            if models.champion.version != version:
                known = f"name {models.champion.version}, or none"
                raise UnknownNameError("model_version", f"{version!r} does not serve", known)
            models = models._replace(challenger=None)
        as_of_us, routing_key = to_us(message), message.routing_key
        fails_whole = models.challenger is None and not any(row.HasField("vector") for row in message.rows)

        def chunks() -> Iterator[Coroutine[Any, Any, list[Scored | Exception]]]:
            for begin in range(0, len(message.rows), CHUNK_ROWS):
                require_wanted(call)
                rows = message.rows[begin : begin + CHUNK_ROWS]
                questions = [self._try_question(models, row, as_of_us, routing_key) for row in rows]
                yield self._score_chunk(questions, call, "ScoreBatch", is_first=fails_whole and begin == 0)

        parts, answered = [batch_head(models.champion)], list[Scored | Exception]()
        async with aclosing(overlapped(chunks(), CHUNKS_UNDER_WAY)) as scored:
            async for outcomes in scored:
                parts.append(batch_rows(outcomes, models.champion))
                if models.shadow is not None:
                    answered += outcomes
        self._shadows.offer(models, answered)  # now that the whole answer is about to go
        return b"".join(parts)

    async def score_stream(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        """``ScoreRequest`` messages to ``RowResult`` messages: one each, in order; `STREAM_ROWS` are under way at most.

        What has come by the time that the row before it is answered is fetched and scored together.
        """
        async with aclosing(gathered(messages, STREAM_ROWS)) as chunks:
            async for some in chunks:
                require_wanted(call)
                questions = [self._try_message(data) for data in some]
                outcomes = await self._score_chunk(questions, call, "ScoreStream", is_first=False)
                for outcome in outcomes:
                    yield row_result(outcome)
                for question, outcome in zip(questions, outcomes, strict=True):
                    if isinstance(question, _Question):
                        self._shadows.offer(question.models, [outcome])

    async def get_features(self, data: bytes, call: Call) -> bytes:
        """``GetFeaturesRequest`` to ``GetFeaturesResponse``."""
        message = pb.GetFeaturesRequest()
        parse_into(message, data)
        inputs = self._inputs(message)
        entity, as_of_us = inputs.keys.parse(message.entity), to_us(message)
        fetched = await self._reads.read(inputs, [entity], call)
        if not self._turns.free:
            await self._wait_for_turn(call)
        begin_s = time.perf_counter()
        try:
            if as_of_us is None:
                as_of_us = self._clock.now_us()
            finished = finish(inputs, fetched.rows[0], as_of_us)
            vector = inputs.assembler.assemble(as_of_us, finished.values, to_scalars(message.request))
            read = readings(inputs, finished, fetched.births)
            return feature_answer(inputs, finished, vector, read, as_of_us).SerializeToString()
        finally:
            self._turns.spent(time.perf_counter() - begin_s)

    async def _score_in_turn(
        self, model: ServedModel, rows: Sequence[Asked], fetched: Fetched, call: Call, laps: Laps
    ) -> list[Scored | Exception]:
        """Score rows once it is the call's turn."""
        if not self._turns.free:
            await self._wait_for_turn(call)
            laps.waited()
        begin_s = time.perf_counter()
        try:
            return self._score_rows(model, rows, fetched, self._clock.now_us(), laps)
        finally:
            self._turns.spent(time.perf_counter() - begin_s)

    async def _wait_for_turn(self, call: Call) -> None:
        """Return when it is the call's turn; DeadlinePassedError where its answer is not wanted any more by then."""
        await self._turns.wait()
        require_wanted(call)

    async def _score_chunk(
        self, questions: Sequence[_Question | Exception], call: Call, method: str, *, is_first: bool
    ) -> list[Scored | Exception]:
        """Score some rows, each by the arm that it goes to, record them, and keep the order."""
        answers: dict[int, Scored | Exception] = {
            place: one for place, one in enumerate(questions) if isinstance(one, Exception)
        }
        for model, rows in shared_out(questions):
            laps = Laps(method)
            found = await self._fetch_and_score(model, list(rows.values()), call, laps, is_first=is_first)
            self._keep([one for one in found if isinstance(one, Scored)], laps, call)
            answers |= zip(rows, found, strict=True)
        for place, question in enumerate(questions):
            answer = answers[place]
            if isinstance(answer, Exception):
                self._row_failed(question, answer, call)
        return [answers[place] for place in range(len(questions))]

    def _keep(self, outcomes: list[Scored], laps: Laps, call: Call) -> None:
        """Record, count and trace what was scored together."""
        send, note = self._records.send, self._meter.note
        for outcome in outcomes:
            send(outcome)
            note(outcome)
        note(laps)
        if call.trace is not None:
            call.trace.add(laps, outcomes)

    def _row_failed(self, question: _Question | Exception, error: Exception, call: Call) -> None:
        status = status_of(error)
        self._meter.note(RowFailed(status.code))
        if is_ours(status):
            names, model = call.names(), None
            if isinstance(question, _Question):
                names["request_id"], model = question.row.request_id, question.model.name
            logger.error("row_failed", model=model, **names, exc_info=error)

    async def _fetch_and_score(
        self, model: ServedModel, rows: list[Asked], call: Call, laps: Laps, *, is_first: bool
    ) -> list[Scored | Exception]:
        try:
            fetched = await self._fetch(self._batch_reads, model, rows, call)
        except UnavailableError as error:
            supplied = [row for row in rows if row.vector is not None]
            if is_first and not supplied:  # nothing is lost by failing the whole call, and the caller sees it at once
                raise
            laps.fetched()
            outcomes = iter(await self._score_in_turn(model, supplied, NOTHING_FETCHED, call, laps))
            return [error if row.vector is None else next(outcomes) for row in rows]
        laps.fetched()
        return await self._score_in_turn(model, rows, fetched, call, laps)

    async def _fetch(self, reads: Reads, model: ServedModel, rows: Sequence[Asked], call: Call) -> Fetched:
        """States of those rows that brought no vector."""
        entities = [row.entity for row in rows if row.vector is None]
        return await reads.read_or_default(model, entities, call) if entities else NOTHING_FETCHED

    def _try_message(self, data: bytes) -> _Question | Exception:
        """What one message of a stream asks for, and of which model; or why that cannot be told."""
        message = pb.ScoreRequest()
        try:
            parse_into(message, data)
            models = self._models.find(message.model)
        except MillstreamError as error:
            return error
        return self._try_question(models, message, None, message.routing_key)

    def _try_question(
        self, models: ModelSet, row: pb.ScoreRequest | pb.BatchRow, as_of_us: int | None, routing_key: str
    ) -> _Question | Exception:
        try:
            return self._question(models, row, as_of_us, routing_key)
        except RequestError as error:
            return error

    def _question(
        self, models: ModelSet, message: pb.ScoreRequest | pb.BatchRow, as_of_us: int | None, routing_key: str
    ) -> _Question:
        """What one row asks for, and who is to answer; RequestError where its keys or its vector are wrong.

        ``as_of_us`` is for a row that has no instant of its own.
        """
        has_vector, own_us = message.HasField("vector"), to_us(message)
        keys = models.champion.inputs.keys  # those of all arms
        entity = keys.parse(message.entity) if message.entity or not has_vector else {}
        request_id = message.request_id or f"{self._id_prefix}-{next(self._ids)}"
        model = models.route(entity, request_id, routing_key)
        if has_vector and not message.vector.names and model.features != models.champion.features:
            model = models.champion  # its order is the one that callers know
        request = to_scalars(message.request) if message.request else {}
        if request and model is not models.champion:
            request = known_fields(request, model, models.champion)
        asked = Asked(
            request_id=request_id,
            entity=entity,
            as_of_us=as_of_us if own_us is None else own_us,
            request=request,
            vector=vector_of(model.inputs, message) if has_vector else None,
            routing_key=routing_key,
        )
        return _Question(models, model, asked)

    def _inputs(self, message: pb.GetFeaturesRequest) -> Inputs:
        """The feature service that a request means: named, of the model named, or the only one."""
        if message.WhichOneof("source") == "model":
            return self._models.find(message.model).champion.bare
        name, services = message.service, self._services
        if not name and len(services) == 1:
            return next(iter(services.values()))
        if name not in services:
            problem = f"{name!r} is not declared" if name else "several are declared and none was named"
            raise UnknownNameError("service", problem, f"name one of {sorted(services)}")
        return services[name]


def known_fields(
    request: dict[str, RequestValue], model: ServedModel, champion: ServedModel
) -> dict[str, RequestValue]:
    """Request fields without those that the champion alone asks for: callers cannot know who will answer."""
    known, theirs = (one.inputs.assembler.request_fields for one in (model, champion))
    return {name: value for name, value in request.items() if name in known or name not in theirs}


def shared_out(questions: Sequence[_Question | Exception]) -> list[tuple[ServedModel, dict[int, Asked]]]:
    """The rows that each model is to answer, by their places."""
    rows: dict[int, tuple[ServedModel, dict[int, Asked]]] = {}
    for place, question in enumerate(questions):
        if isinstance(question, _Question):
            model = question.model
            rows.setdefault(id(model), (model, {}))[1][place] = question.row
    return list(rows.values())


def vector_of(inputs: Inputs, message: pb.ScoreRequest | pb.BatchRow) -> Vector:
    """The vector that a row brings."""
    if message.request:
        raise RequestError("request", "comes beside a vector, which has all features", "send one of the two")
    return inputs.assembler.supplied(message.vector.values, message.vector.names)


def require_wanted(call: Call) -> None:
    """Raise DeadlinePassedError where nobody waits for the answer any more."""
    if not call.is_wanted:
        raise DeadlinePassedError
