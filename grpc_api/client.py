"""A small typed client: ``from millstream import Client``. It loads grpcio and the stubs alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import grpc

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api._generated.millstream.scoring.v1.scoring_pb2_grpc import ScoringStub
from grpc_api.client_errors import to_error
from grpc_api.client_types import (
    BatchRow,
    Entity,
    FeatureSet,
    RowFailure,
    Scalar,
    ScoreResult,
    from_answer,
    to_feature_set,
    to_outcome,
    to_row,
    to_timestamp,
    to_values,
)

MESSAGE_BYTES: Final = 64 * 2**20


class Client:
    """A connection to a scorer. Threads may share it; use it in a ``with`` block or close it.

    Parameters
    ----------
    address
        ``host:port``.
    deadline_s
        How long a call may take, if the call does not say otherwise.

    """

    def __init__(self, address: str = "127.0.0.1:50051", *, deadline_s: float = 5.0) -> None:
        self.address = address
        self._deadline_s = deadline_s
        limits = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
        self._channel = grpc.insecure_channel(address, options=limits)
        self._stub = ScoringStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    def score(
        self,
        entity: Entity,
        *,
        model: str | None = None,
        as_of: datetime | None = None,
        request: Mapping[str, Scalar] | None = None,
        request_id: str = "",
        deadline_s: float | None = None,
    ) -> ScoreResult:
        """Score one entity, as of an aware instant or of now."""
        message = pb.ScoreRequest(
            entity=to_values(entity),
            model=model or "",
            as_of=to_timestamp(as_of),
            request=to_values(request or {}),
            request_id=request_id,
        )
        response = self._call(self._stub.Score, message, deadline_s)
        return from_answer(response, response)

    def score_batch(
        self,
        rows: Iterable[BatchRow | Entity],
        *,
        model: str | None = None,
        as_of: datetime | None = None,
        deadline_s: float | None = None,
    ) -> list[ScoreResult | RowFailure]:
        """Score many entities; one outcome a row, in order."""
        message = pb.ScoreBatchRequest(model=model or "", as_of=to_timestamp(as_of), rows=map(to_row, rows))
        response = self._call(self._stub.ScoreBatch, message, deadline_s)
        return [to_outcome(row, response) for row in response.rows]

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
        message = pb.GetFeaturesRequest(
            entity=to_values(entity), as_of=to_timestamp(as_of), request=to_values(request or {})
        )
        if service is not None:
            message.service = service
        elif model is not None:
            message.model = model
        response = self._call(self._stub.GetFeatures, message, deadline_s)
        return to_feature_set(response)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _call(self, method: Any, message: Any, deadline_s: float | None) -> Any:
        try:
            return method(message, timeout=self._deadline_s if deadline_s is None else deadline_s)
        except grpc.RpcError as error:
            raise to_error(self.address, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
