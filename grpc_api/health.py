"""The protocol grpc.health.v1 over a table of services and whether they serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

from grpc_health.v1 import health_pb2

from grpc_api.call import Call
from grpc_api.messages import parse_into
from grpc_api.methods import Method, ServerStreamingMethod, UnaryMethod
from grpc_api.status import UnknownNameError

SERVICE: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_STATUS: Final = {
    True: health_pb2.HealthCheckResponse.SERVING,
    False: health_pb2.HealthCheckResponse.NOT_SERVING,
    None: health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
}


class Health:
    """Which services serve. Of the loop's own thread."""

    def __init__(self) -> None:
        self._serves: dict[str, bool] = {}
        self._ending = False
        self._changed = asyncio.Event()

    def set(self, service: str, serves: bool) -> None:
        """Say whether a service serves, to all who watch."""
        if not self._ending and self._serves.get(service) is not serves:
            self._serves[service] = serves
            self._tell()

    def serves(self, service: str) -> bool:
        """Whether a service is known and serves."""
        return self._serves.get(service, False)

    def end(self) -> None:
        """Say that nothing serves any more, for good; those who watch hear it and are let go."""
        self._serves = dict.fromkeys(self._serves, False)
        self._ending = True
        self._tell()

    def methods(self) -> Iterator[Method]:
        """The methods of the protocol."""
        yield UnaryMethod(f"/{SERVICE}/Check", "open", self.check)
        yield ServerStreamingMethod(f"/{SERVICE}/Watch", "open", self.watch)

    async def check(self, data: bytes, _call: Call) -> bytes:
        """``HealthCheckRequest`` to ``HealthCheckResponse``; UnknownNameError where there is no such service."""
        service = _service(data)
        serves = self._serves.get(service)
        if serves is None:
            raise UnknownNameError("service", f"{service!r} is not known here", f"known are {sorted(self._serves)}")
        return _response(serves)

    async def watch(self, data: bytes, _call: Call) -> AsyncIterator[bytes]:
        """``HealthCheckRequest`` to a ``HealthCheckResponse`` now and with every change."""
        service, told = _service(data), b""
        while True:
            changed, response = self._changed, _response(self._serves.get(service))
            if response != told:
                yield (told := response)
            if self._ending:
                return
            await changed.wait()

    def _tell(self) -> None:
        """Wake all who watch; those who come later wait for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()


def _service(data: bytes) -> str:
    request = health_pb2.HealthCheckRequest()
    parse_into(request, data)
    service: str = request.service
    return service


def _response(serves: bool | None) -> bytes:
    response: bytes = health_pb2.HealthCheckResponse(status=_STATUS[serves]).SerializeToString()
    return response
