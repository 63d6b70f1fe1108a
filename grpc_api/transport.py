"""The scorer on `grpc.server`: threads, each with a blocking store connection of its own.

Measured against grpc.aio on the same core, this answers two thirds more calls a second. Handlers take and give bytes;
everything else is `grpc_api.core`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from grpc_api.call_pool import CallPool
from grpc_api.core import Core
from grpc_api.meter import Answered, Meter
from grpc_api.readiness import SERVICE
from grpc_api.status import Code, DeadlinePassedError, is_ours, status_of

logger: Final = structlog.get_logger(__name__)

MESSAGE_BYTES: Final = 64 * 2**20
_GRPC_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Handler = Callable[[bytes, grpc.ServicerContext], bytes]


def build_server(*, core: Core, health_servicer: health.HealthServicer, meter: Meter, pool: CallPool) -> grpc.Server:
    """A server with the scoring service, health and reflection; it listens nowhere yet."""
    server = grpc.server(
        pool,  # type: ignore[arg-type]  # any executor with `submit` does
        options=[
            ("grpc.so_reuseport", 0),  # a port that another scorer holds is an error, not a lottery
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
        ],
    )
    methods: dict[str, Handler] = {
        "Score": lambda data, _: core.score(data),
        "ScoreBatch": lambda data, context: core.score_batch(data, context.is_active),
        "GetFeatures": lambda data, _: core.get_features(data),
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(Method(name, handler, meter)) for name, handler in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return server


class Method:
    """One RPC: refuse what is too late, call, count, and turn errors into statuses."""

    def __init__(self, name: str, handler: Handler, meter: Meter) -> None:
        self._name = name
        self._handler = handler
        self._note = meter.note

    def __call__(self, data: bytes, context: Any) -> bytes:
        """Bytes to bytes, or an aborted call."""
        begin = time.perf_counter()
        try:
            if context.time_remaining() <= 0:
                raise DeadlinePassedError
            answer = self._handler(data, context)
        except Exception as error:
            status = status_of(error)
            self._note(Answered(self._name, status.code, time.perf_counter() - begin))
            if is_ours(status):
                logger.error("call_failed", method=self._name, exc_info=error)
            context.abort(_GRPC_CODES[status.code], status.message)
        self._note(Answered(self._name, Code.OK, time.perf_counter() - begin))
        return answer
