"""The client for programs on an event loop: ``from millstream import AsyncClient``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import grpc
import grpc.aio

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api._generated.millstream.scoring.v1.scoring_pb2_grpc import ScoringStub
from grpc_api.client import DEADLINE_S
from grpc_api.client_channels import call_metadata, channel_credentials, channel_options, require_channels
from grpc_api.client_errors import ServerUnavailableError, to_error
from grpc_api.client_messages import (
    batch_request,
    explain_request,
    features_request,
    from_batch,
    from_explanation,
    from_features,
    from_models,
    from_result,
    from_score,
    score_request,
)
from grpc_api.client_retries import Attempts, Retries, RetryThrottle, timeout_of
from grpc_api.client_types import (
    BatchRow,
    Entity,
    Explanation,
    FeatureSet,
    ModelInfo,
    RowFailure,
    Scalar,
    ScoreResult,
    Tls,
    Vector,
)

Answer = TypeVar("Answer")


class AsyncClient:
    """Connections to a scorer, for one event loop. Use it in an ``async with`` block or close it.

    Parameters
    ----------
    address, deadline_s, retries, channels, tls, api_key, token
        As of `Client`.

    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        deadline_s: float = DEADLINE_S,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        channels: int = 1,
        tls: Tls | None = None,
        api_key: str | None = None,
        token: str | None = None,
    ) -> None:
        self.address = address
        self._deadline_s = deadline_s
        self._retries = retries
        self._throttle = RetryThrottle()
        self._metadata = call_metadata(api_key, token)
        self._n_channels = require_channels(channels)
        self._tls = tls
        self._channels: list[grpc.aio.Channel] = []
        self._stubs: list[Any] = []
        self._turns = count()

    async def score(
        self,
        entity: Entity | None = None,
        *,
        vector: Vector | None = None,
        model: str | None = None,
        as_of: datetime | None = None,
        request: Mapping[str, Scalar] | None = None,
        request_id: str | None = None,
        routing_key: str | None = None,
        deadline_s: float | None = None,
    ) -> ScoreResult:
        """See `Client.score`."""
        row = BatchRow(entity or {}, as_of, request or {}, request_id or uuid4().hex, vector)
        return await self._call("Score", score_request(row, model, routing_key), from_score, deadline_s)

    async def score_batch(
        self,
        rows: Iterable[BatchRow | Entity],
        *,
        model: str | None = None,
        as_of: datetime | None = None,
        routing_key: str | None = None,
        deadline_s: float | None = None,
    ) -> list[ScoreResult | RowFailure]:
        """See `Client.score_batch`."""
        return await self._call("ScoreBatch", batch_request(rows, model, as_of, routing_key), from_batch, deadline_s)

    async def score_stream(
        self,
        rows: Iterable[BatchRow | Entity] | AsyncIterable[BatchRow | Entity],
        *,
        model: str | None = None,
        routing_key: str | None = None,
        deadline_s: float | None = None,
    ) -> AsyncIterator[ScoreResult | RowFailure]:
        """See `Client.score_stream`; rows may come from an asynchronous iterator."""
        failures: list[Exception] = []

        async def messages() -> AsyncIterator[pb.ScoreRequest]:
            try:
                async for row in _each(rows):
                    yield score_request(row, model, routing_key)
            except Exception as error:  # grpc would only log it, in a task of its own
                failures.append(error)
                raise

        call = self._stub().ScoreStream(messages(), timeout=timeout_of(deadline_s), metadata=self._metadata)
        try:
            async for result in call:
                yield from_result(result)
        except (grpc.RpcError, asyncio.CancelledError) as error:
            if failures:  # grpc has cancelled the call for it
                raise failures[0] from None
            if isinstance(error, grpc.RpcError):
                raise to_error(self.address, error) from None
            raise self._cancelled(error) from None
        finally:
            call.cancel()

    async def explain(
        self,
        entity: Entity | None = None,
        *,
        vector: Vector | None = None,
        top: int | None = None,
        class_name: str | None = None,
        model: str | None = None,
        as_of: datetime | None = None,
        request: Mapping[str, Scalar] | None = None,
        routing_key: str | None = None,
        deadline_s: float | None = None,
    ) -> Explanation:
        """See `Client.explain`."""
        row = BatchRow(entity or {}, as_of, request or {}, vector=vector)
        message = explain_request(score_request(row, model, routing_key), top, class_name)
        return await self._call("Explain", message, from_explanation, deadline_s)

    async def get_features(
        self,
        entity: Entity,
        *,
        service: str | None = None,
        model: str | None = None,
        as_of: datetime | None = None,
        request: Mapping[str, Scalar] | None = None,
        deadline_s: float | None = None,
    ) -> FeatureSet:
        """See `Client.get_features`."""
        message = features_request(BatchRow(entity, as_of, request or {}), service, model)
        return await self._call("GetFeatures", message, from_features, deadline_s)

    async def list_models(self, model: str | None = None, *, deadline_s: float | None = None) -> list[ModelInfo]:
        """See `Client.list_models`."""
        return await self._call("ListModels", pb.ListModelsRequest(model=model or ""), from_models, deadline_s)

    async def close(self) -> None:
        """Close the connections; calls under way fail."""
        while self._channels:
            await self._channels.pop().close(None)

    async def _call(self, method: str, message: Any, read: Callable[[Any], Answer], deadline_s: float | None) -> Answer:
        attempts = Attempts(self._retries, self._throttle, self._deadline_s if deadline_s is None else deadline_s)
        while True:
            call = getattr(self._stub(), method)
            try:
                response = await call(message, timeout=attempts.begin(), metadata=self._metadata)
            except grpc.RpcError as error:
                pause_s = attempts.pause_s(error.code())
                if pause_s is None:
                    raise to_error(self.address, error) from None
                await asyncio.sleep(pause_s)
            except asyncio.CancelledError as error:
                raise self._cancelled(error) from None
            else:
                attempts.answered()
                return read(response)

    def _cancelled(self, error: BaseException) -> BaseException:
        """What to raise where a call was cancelled: as its task is, or because this client was closed."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return error
        return ServerUnavailableError(self.address, "the client was closed before the answer came")

    def _stub(self) -> Any:
        if not self._channels:  # a channel belongs to the loop that runs when it is made
            self._channels = [_open_channel(self.address, self._tls) for _ in range(self._n_channels)]
            self._stubs = [ScoringStub(channel) for channel in self._channels]  # type: ignore[no-untyped-call]  # generated
        return self._stubs[next(self._turns) % len(self._stubs)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


def _open_channel(address: str, tls: Tls | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(address, options=channel_options(tls))
    return grpc.aio.secure_channel(address, channel_credentials(tls), options=channel_options(tls))


async def _each(
    rows: Iterable[BatchRow | Entity] | AsyncIterable[BatchRow | Entity],
) -> AsyncIterator[BatchRow | Entity]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
