"""The scorer behind any transport: the bytes of a request in, the bytes of its response out, our own errors raised."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing
from typing import Any, Final

from features.errors import RequestError
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.answers import batch_head, batch_rows, row_result, whole_answer
from grpc_api.call import Call
from grpc_api.chunk_scorer import ChunkScorer, never
from grpc_api.explanation import explained_output, explanation
from grpc_api.feature_reader import FeatureReader
from grpc_api.gathering import gathered
from grpc_api.messages import parse_into, to_us
from grpc_api.methods import BidirectionalMethod, Method, UnaryMethod
from grpc_api.model_info import model_info
from grpc_api.models import Models
from grpc_api.overlap import overlapped
from grpc_api.questions import Question, Questions
from grpc_api.scoring import Scored
from grpc_api.shadows import Shadows
from grpc_api.status import UnknownNameError

SERVICE: Final = pb.DESCRIPTOR.services_by_name["Scoring"].full_name
CHUNK_ROWS: Final = 100
"""Rows of a batch that are fetched and scored together; between chunks other calls get their turn."""

CHUNKS_UNDER_WAY: Final = 2
"""Chunks of one batch at a time: the store answers one while the one before it is scored."""

STREAM_ROWS: Final = 64
"""Rows of a stream that are scored together at most; as many more wait, and no others are read meanwhile."""


class Core:
    """Answers requests.

    Parameters
    ----------
    models
        Who serves.
    questions, scorer, features
        What requests ask, and who answers them.
    shadows
        Offered what was answered.
    max_batch_rows
        Batches with more rows are refused.

    """

    def __init__(
        self,
        *,
        models: Models,
        questions: Questions,
        scorer: ChunkScorer,
        features: FeatureReader,
        shadows: Shadows,
        max_batch_rows: int,
    ) -> None:
        self._models = models
        self._questions = questions
        self._scorer = scorer
        self._features = features
        self._shadows = shadows
        self._max_batch_rows = max_batch_rows

    def methods(self) -> Iterator[Method]:
        """The methods of the scoring service."""
        yield UnaryMethod(f"/{SERVICE}/Score", "score", self.score)
        yield UnaryMethod(f"/{SERVICE}/ScoreBatch", "score", self.score_batch)
        yield BidirectionalMethod(f"/{SERVICE}/ScoreStream", "score", self.score_stream)
        yield UnaryMethod(f"/{SERVICE}/GetFeatures", "score", self._features.get_features)
        yield UnaryMethod(f"/{SERVICE}/Explain", "score", self.explain)
        yield UnaryMethod(f"/{SERVICE}/ListModels", "score", self.list_models)

    async def score(self, data: bytes, call: Call) -> bytes:
        """``ScoreRequest`` to ``ScoreResponse``."""
        message = pb.ScoreRequest()
        parse_into(message, data)
        question = self._questions.read(self._models.find(message.model), message, None, message.routing_key)
        scored, laps = await self._scorer.score_one(question, call, "Score")
        self._scorer.keep(question.model, [scored], laps, call)
        self._shadows.offer(question.models, [scored])
        return whole_answer(scored)

    async def explain(self, data: bytes, call: Call) -> bytes:
        """``ExplainRequest`` to ``ExplainResponse``."""
        message = pb.ExplainRequest()
        parse_into(message, data)
        asked = message.question
        question = self._questions.read(self._models.find(asked.model), asked, None, asked.routing_key)
        scored, _ = await self._scorer.score_one(question, call, "Explain")
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
        take_plain, n_rows = models.champion.inputs.plain_rows(data), len(message.rows)

        def fails_whole() -> bool:
            return models.challenger is None and not any(row.HasField("vector") for row in message.rows)

        def chunks() -> Iterator[Coroutine[Any, Any, list[Scored | Exception]]]:
            for begin in range(0, n_rows, CHUNK_ROWS):
                call.require_wanted()
                plain = take_plain(min(CHUNK_ROWS, n_rows - begin))
                questions = [
                    self._questions.try_read(models, message.rows[at], as_of_us, routing_key)
                    if row is None
                    else self._questions.plain(models, row, as_of_us, routing_key)
                    for at, row in enumerate(plain, begin)
                ]
                yield self._scorer.score_chunk(questions, call, "ScoreBatch", fails_whole if begin == 0 else never)

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
                call.require_wanted()
                questions = [self._questions.try_read_message(data) for data in some]
                outcomes = await self._scorer.score_chunk(questions, call, "ScoreStream")
                for outcome in outcomes:
                    yield row_result(outcome)
                for question, outcome in zip(questions, outcomes, strict=True):
                    if isinstance(question, Question):
                        self._shadows.offer(question.models, [outcome])
