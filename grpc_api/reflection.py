"""Server reflection: which services there are and how their messages look, so that tools need no proto file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

from grpc_reflection.v1alpha import reflection, reflection_pb2

from grpc_api.call import Call
from grpc_api.messages import parse_into
from grpc_api.methods import BidirectionalMethod, Method

SERVICES: Final = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)
"""Two names of one protocol: tools ask by the first, older ones by the second."""


class Reflection:
    """Describes services, itself among them.

    Parameters
    ----------
    services
        Full names of services whose stubs are loaded.

    """

    def __init__(self, services: Iterable[str]) -> None:
        servicer = reflection.aio.ReflectionServicer  # type: ignore[attr-defined]  # imported there under its condition
        self._servicer = servicer({*services, reflection.SERVICE_NAME})

    def methods(self) -> Iterator[Method]:
        """The methods of the protocol."""
        for service in SERVICES:
            yield BidirectionalMethod(f"/{service}/ServerReflectionInfo", "admin", self.describe)

    async def describe(self, messages: AsyncIterator[bytes], _call: Call) -> AsyncIterator[bytes]:
        """A ``ServerReflectionResponse`` to each ``ServerReflectionRequest``."""
        async for response in self._servicer.ServerReflectionInfo(_parsed(messages), None):
            yield response.SerializeToString()


async def _parsed(messages: AsyncIterator[bytes]) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    async for data in messages:
        request = reflection_pb2.ServerReflectionRequest()
        parse_into(request, data)
        yield request
