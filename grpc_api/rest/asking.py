"""The one way from a route to a method: through the gate, as a call of gRPC goes."""

from __future__ import annotations

from typing import TypeVar

from fastapi import Request
from google.protobuf.message import Message

from grpc_api.call import Call
from grpc_api.gate import Gate
from grpc_api.methods import Methods, UnaryMethod
from grpc_api.status import NotOfferedError

Answer = TypeVar("Answer", bound=Message)


class Asking:
    """Asks the methods of the table, of which settings may leave some out."""

    def __init__(self, *, gate: Gate, methods: Methods) -> None:
        self._gate = gate
        self._methods = methods

    async def ask(self, path: str, question: Message, into: type[Answer], request: Request) -> Answer:
        """The answer of a unary method; CallFailedError or NotOfferedError where there is none."""
        method = self._methods.get(path)
        if not isinstance(method, UnaryMethod):
            raise NotOfferedError(path, "is not served here", "settings may have switched it off")
        peer = "" if request.client is None else f"{request.client.host}:{request.client.port}"
        call = Call(metadata=dict(request.headers), peer=peer)
        return into.FromString(await self._gate.unary(method, question.SerializeToString(), call))
