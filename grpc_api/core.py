"""The scorer behind any transport: the bytes of a request in, the bytes of its response out, our own errors raised.

Between fetch and answer nothing awaits, so an answer is of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from secrets import token_hex
from typing import Final

import structlog

from features.clock import Clock
from features.errors import RequestError, UnavailableError
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.answers import batch_head, batch_rows, whole_answer
from grpc_api.call import Call
from grpc_api.feature_answer import feature_answer
from grpc_api.finishing import finish, readings
from grpc_api.lookup import Fetcher
from grpc_api.messages import parse_into, to_scalars, to_us
from grpc_api.meter import Meter, RowFailed
from grpc_api.methods import Method, UnaryMethod
from grpc_api.models import Models
from grpc_api.records import RecordSink
from grpc_api.scoring import Asked, Scored, score_rows
from grpc_api.served_model import Inputs, ServedModel
from grpc_api.status import DeadlinePassedError, UnknownNameError, is_ours, status_of

logger: Final = structlog.get_logger(__name__)

SERVICE: Final = pb.DESCRIPTOR.services_by_name["Scoring"].full_name
CHUNK_ROWS: Final = 100
"""Rows of a batch that are fetched and scored together; between chunks other calls get their turn."""


class Core:
    """Answers requests.

    Parameters
    ----------
    services
        What each feature service needs, for requests that ask for features alone; see `declare`.
    models, records, clock, meter
        Collaborators.
    fetcher, batch_fetcher
        The ways to the store of single rows and of batches, which would hold up the former.
    max_batch_rows
        Batches with more rows are refused.

    """

    def __init__(
        self,
        *,
        services: Mapping[str, Inputs],
        models: Models,
        fetcher: Fetcher,
        batch_fetcher: Fetcher,
        records: RecordSink,
        clock: Clock,
        meter: Meter,
        max_batch_rows: int,
    ) -> None:
        self._services = services
        self._models = models
        self._fetcher = fetcher
        self._batch_fetcher = batch_fetcher
        self._records = records
        self._clock = clock
        self._meter = meter
        self._max_batch_rows = max_batch_rows
        self._id_prefix = token_hex(8)
        self._ids = count(1)

    def declare(self, services: Mapping[str, Inputs]) -> None:
        """Give features of these services from the next request on."""
        self._services = services

    def methods(self) -> Iterator[Method]:
        """The methods of the scoring service."""
        yield UnaryMethod(f"/{SERVICE}/Score", "score", self.score)
        yield UnaryMethod(f"/{SERVICE}/ScoreBatch", "score", self.score_batch)
        yield UnaryMethod(f"/{SERVICE}/GetFeatures", "score", self.get_features)

    async def score(self, data: bytes, _call: Call) -> bytes:
        """``ScoreRequest`` to ``ScoreResponse``."""
        message = pb.ScoreRequest()
        parse_into(message, data)
        model = self._models.find(message.model)
        asked = self._asked(model, message, to_us(message))
        fetched = await self._fetcher.fetch(model.inputs.views, model.inputs.keys, [asked.entity])
        (outcome,) = score_rows(model, [asked], fetched, self._clock.now_us())
        if isinstance(outcome, Exception):
            raise outcome
        self._records.send(outcome)
        self._meter.note(outcome)
        return whole_answer(outcome)

    async def score_batch(self, data: bytes, call: Call) -> bytes:
        """``ScoreBatchRequest`` to ``ScoreBatchResponse``.

        Between chunks others get their turn; DeadlinePassedError once the answer is not wanted any more.
        """
        message = pb.ScoreBatchRequest()
        parse_into(message, data)
        if len(message.rows) > self._max_batch_rows:
            raise RequestError("rows", f"are {len(message.rows)}", f"send at most {self._max_batch_rows} at a time")
        model = self._models.find(message.model)
        as_of_us = to_us(message)
        parts = [batch_head(model)]
        for begin in range(0, len(message.rows), CHUNK_ROWS):
            if not call.is_wanted:
                raise DeadlinePassedError
            rows = message.rows[begin : begin + CHUNK_ROWS]
            outcomes = await self._score_chunk(model, rows, as_of_us, is_first=begin == 0)
            parts.append(batch_rows(outcomes))
        return b"".join(parts)

    async def get_features(self, data: bytes, _call: Call) -> bytes:
        """``GetFeaturesRequest`` to ``GetFeaturesResponse``."""
        message = pb.GetFeaturesRequest()
        parse_into(message, data)
        inputs = self._inputs(message)
        entity, as_of_us = inputs.keys.parse(message.entity), to_us(message)
        fetched = await self._fetcher.fetch(inputs.views, inputs.keys, [entity])
        if as_of_us is None:
            as_of_us = self._clock.now_us()
        finished = finish(inputs, fetched.rows[0], as_of_us)
        vector = inputs.assembler.assemble(as_of_us, finished.values, to_scalars(message.request))
        read = readings(inputs, finished, fetched.births)
        return feature_answer(inputs, finished, vector, read, as_of_us).SerializeToString()

    async def _score_chunk(
        self, model: ServedModel, rows: list[pb.BatchRow], as_of_us: int | None, *, is_first: bool
    ) -> list[Scored | Exception]:
        """Score some rows of a batch, record them, and keep the order."""
        asked = [self._try_asked(model, row, as_of_us) for row in rows]
        good = [one for one in asked if isinstance(one, Asked)]
        outcomes = iter(await self._fetch_and_score(model, good, is_first=is_first)) if good else iter(())
        answers = [one if isinstance(one, Exception) else next(outcomes) for one in asked]
        for answer in answers:
            if isinstance(answer, Scored):
                self._records.send(answer)
                self._meter.note(answer)
                continue
            status = status_of(answer)
            self._meter.note(RowFailed(status.code))
            if is_ours(status):
                logger.error("row_failed", model=model.name, exc_info=answer)
        return answers

    async def _fetch_and_score(
        self, model: ServedModel, rows: list[Asked], *, is_first: bool
    ) -> list[Scored | Exception]:
        try:
            fetched = await self._batch_fetcher.fetch(
                model.inputs.views, model.inputs.keys, [row.entity for row in rows]
            )
        except UnavailableError as error:
            if is_first:  # nothing is lost by failing the whole call, and the caller sees at once what it is
                raise
            return [error] * len(rows)
        return score_rows(model, rows, fetched, self._clock.now_us())

    def _try_asked(self, model: ServedModel, row: pb.BatchRow, as_of_us: int | None) -> Asked | Exception:
        try:
            own_us = to_us(row)
            return self._asked(model, row, as_of_us if own_us is None else own_us)
        except RequestError as error:
            return error

    def _asked(self, model: ServedModel, message: pb.ScoreRequest | pb.BatchRow, as_of_us: int | None) -> Asked:
        """What one row asks for; RequestError where its keys are wrong."""
        return Asked(
            request_id=message.request_id or f"{self._id_prefix}-{next(self._ids)}",
            entity=model.inputs.keys.parse(message.entity),
            as_of_us=as_of_us,
            request=to_scalars(message.request) if message.request else {},
        )

    def _inputs(self, message: pb.GetFeaturesRequest) -> Inputs:
        """The feature service that a request means: named, of the model named, or the only one."""
        if message.WhichOneof("source") == "model":
            return self._models.find(message.model).bare
        name, services = message.service, self._services
        if not name and len(services) == 1:
            return next(iter(services.values()))
        if name not in services:
            problem = f"{name!r} is not declared" if name else "several are declared and none was named"
            raise UnknownNameError("service", problem, f"name one of {sorted(services)}")
        return services[name]
