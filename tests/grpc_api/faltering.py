"""A gRPC server whose calls fail as told, before they succeed: what clients are tried against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb


class Faltering:
    """Gives each call of `Score` the next of ``codes``, and an answer once there are no more."""

    def __init__(self, codes: Sequence[grpc.StatusCode] = ()) -> None:
        self.codes = list(codes)
        self.requests: list[pb.ScoreRequest] = []
        self.metadata: list[dict[str, Any]] = []
        self.peers: set[str] = set()
        self.remaining_s: list[float] = []

    def __call__(self, request: pb.ScoreRequest, context: grpc.ServicerContext) -> pb.ScoreResponse:
        self.requests.append(request)
        self.metadata.append({item.key: item.value for item in context.invocation_metadata()})  # type: ignore[attr-defined]
        self.peers.add(context.peer())
        self.remaining_s.append(context.time_remaining())
        if self.codes:
            context.abort(self.codes.pop(0), "as told")
        return pb.ScoreResponse(request_id=request.request_id)


@contextmanager
def serve(servicer: Faltering, credentials: grpc.ServerCredentials | None = None) -> Iterator[str]:
    """Its address."""
    server = grpc.server(ThreadPoolExecutor(4))
    handler = grpc.unary_unary_rpc_method_handler(
        servicer,
        request_deserializer=pb.ScoreRequest.FromString,
        response_serializer=pb.ScoreResponse.SerializeToString,
    )
    service = pb.DESCRIPTOR.services_by_name["Scoring"].full_name
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Score": handler}),))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
