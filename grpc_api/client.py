"""A typed client: ``from millstream import Client``. It loads grpcio and the stubs alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import grpc

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api._generated.millstream.scoring.v1.scoring_pb2_grpc import ScoringStub
from grpc_api.client_channels import call_metadata, channel_credentials, channel_options, require_channels
from grpc_api.client_errors import to_error
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

DEADLINE_S: Final = 5.0


class Client:
    """Connections to a scorer. Threads may share it; use it in a ``with`` block or close it.

    Parameters
    ----------
    address
        ``host:port``.
    deadline_s
        How long a call may take with all its retries, if the call does not say otherwise.
    retries
        How often an unavailable server is asked again.
    channels
        Connections that calls take in turn. A server of several processes shares out connections, not calls.
    tls
        For servers that have TLS.
    api_key, token
        What proves the caller, where the server asks for it.

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
        self._channels = [_open_channel(address, tls) for _ in range(require_channels(channels))]
        self._stubs = [ScoringStub(channel) for channel in self._channels]  # type: ignore[no-untyped-call]  # generated
        self._turns = count()

    def score(
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
        """Score one entity, as of an aware instant or of now; or a vector, as it is."""
        row = BatchRow(entity or {}, as_of, request or {}, request_id or uuid4().hex, vector)
        return self._call("Score", score_request(row, model, routing_key), from_score, deadline_s)

    def score_batch(
        self,
        rows: Iterable[BatchRow | Entity],
        *,
        model: str | None = None,
        as_of: datetime | None = None,
        routing_key: str | None = None,
        deadline_s: float | None = None,
    ) -> list[ScoreResult | RowFailure]:
        """Score many rows; one outcome a row, in order."""
        return self._call("ScoreBatch", batch_request(rows, model, as_of, routing_key), from_batch, deadline_s)

    def score_stream(
        self,
        rows: Iterable[BatchRow | Entity],
        *,
        model: str | None = None,
        routing_key: str | None = None,
        deadline_s: float | None = None,
    ) -> Iterator[ScoreResult | RowFailure]:
        """Score rows as they come; one outcome a row, in order. Rows are taken no faster than the server keeps up.

        Without a deadline it lasts as long as the rows do. Leaving the iterator ends the call.
        """
        failures: list[Exception] = []

        def messages() -> Iterator[pb.ScoreRequest]:
            try:
                for row in rows:
                    yield score_request(row, model, routing_key)
            except Exception as error:  # grpc would only log it, in a thread of its own
                failures.append(error)
                raise

        call = self._stub().ScoreStream(messages(), timeout=timeout_of(deadline_s), metadata=self._metadata)
        try:
            for result in call:
                yield from_result(result)
        except grpc.RpcError as error:
            raise failures[0] if failures else to_error(self.address, error) from None
        finally:
            call.cancel()

    def explain(
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
        """A score, and what each feature (or the ``top`` ones) contributed to it."""
        row = BatchRow(entity or {}, as_of, request or {}, vector=vector)
        message = explain_request(score_request(row, model, routing_key), top, class_name)
        return self._call("Explain", message, from_explanation, deadline_s)

    def get_features(
        self,
        entity: Entity,
        *,
        service: str | None = None,
        model: str | None = None,
        as_of: datetime | None = None,
        request: Mapping[str, Scalar] | None = None,
        deadline_s: float | None = None,
    ) -> FeatureSet:
        """The features of one entity, of a feature service or of a model's."""
        message = features_request(BatchRow(entity, as_of, request or {}), service, model)
        return self._call("GetFeatures", message, from_features, deadline_s)

    def list_models(self, model: str | None = None, *, deadline_s: float | None = None) -> list[ModelInfo]:
        """Every version that serves, of one model or of all."""
        return self._call("ListModels", pb.ListModelsRequest(model=model or ""), from_models, deadline_s)

    def close(self) -> None:
        """Close the connections."""
        for channel in self._channels:
            channel.close()

    def _call(self, method: str, message: Any, read: Callable[[Any], Answer], deadline_s: float | None) -> Answer:
        attempts = Attempts(self._retries, self._throttle, self._deadline_s if deadline_s is None else deadline_s)
        while True:
            call = getattr(self._stub(), method)
            try:
                response = call(message, timeout=attempts.begin(), metadata=self._metadata)
            except grpc.RpcError as error:
                pause_s = attempts.pause_s(error.code())
                if pause_s is None:
                    raise to_error(self.address, error) from None
                time.sleep(pause_s)
            else:
                attempts.answered()
                return read(response)

    def _stub(self) -> Any:
        return self._stubs[next(self._turns) % len(self._stubs)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _open_channel(address: str, tls: Tls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(address, options=channel_options(tls))
    return grpc.secure_channel(address, channel_credentials(tls), options=channel_options(tls))
