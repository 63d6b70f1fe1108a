"""The one way from a route to a method: through the gate, as a call of gRPC goes.

A route that is marked by `asks` is a call from its first header on: who makes it, how often, and whether there is room
for it is looked at before its body is read; it ends with the time of its caller; and whatever goes wrong in it, a body
that is none included, is counted and told as the call's failure.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from google.protobuf.message import Message
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from features.errors import RequestError
from grpc_api.call import Call
from grpc_api.gate import CallFailedError, Gate
from grpc_api.methods import Methods, UnaryMethod
from grpc_api.rest.errors import FORM, told
from grpc_api.rest.waiting import TIMEOUT, Waiting, deadline_of
from grpc_api.status import CallerGoneError, DeadlinePassedError, NotOfferedError, status_of

Answer = TypeVar("Answer", bound=Message)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Handle = Callable[[Request], Awaitable[Response]]

_METHOD: Final = "asks_method"


class Asked(NamedTuple):
    """A call that the gate has let in, and the method that it is for."""

    method: UnaryMethod
    call: Call


def asks(path: str) -> Callable[[Endpoint], Endpoint]:
    """Mark the function of a route with the method that it asks."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _METHOD, path)
        return endpoint

    return mark


class Asking:
    """Asks the methods of the table, of which settings may leave some out."""

    def __init__(self, *, gate: Gate, methods: Methods) -> None:
        self._gate = gate
        self._methods = methods

    @property
    def route_class(self) -> type[APIRoute]:
        """For routers whose routes are calls."""
        asking = self

        class CallRoute(APIRoute):
            """Has the gate asked before anything of the body is."""

            def get_route_handler(self) -> Any:
                handle, path = super().get_route_handler(), getattr(self.endpoint, _METHOD)

                async def call(request: Request) -> Response:
                    return await asking._call(path, request, handle)

                return call

        return CallRoute

    async def ask(self, question: Message, into: type[Answer], request: Request) -> Answer:
        """The answer of the method that a request's route asks."""
        asked: Asked = request.state.asked
        return into.FromString(await self._gate.answer(asked.method, question.SerializeToString(), asked.call))

    async def _call(self, path: str, request: Request, handle: Handle) -> Response:
        """The response to a request; CallFailedError or RequestError where there is none."""
        method = self._methods.get(path)
        if not isinstance(method, UnaryMethod):
            raise NotOfferedError(path, "is not served here", "settings may have switched it off")
        call = call_of(request)
        request.state.asked = Asked(method, call)
        try:
            async with Waiting(call) as waiting:
                with self._gate.opened(method, call):
                    if request.method == "POST":  # the others neither have a body nor wait for anything
                        await _read_body(request)
                        waiting.listen(request.receive)
                    return await _answer(request, handle)
        except TimeoutError:
            error = CallerGoneError() if call.cancelled else DeadlinePassedError()
            raise CallFailedError(status_of(error)) from None


def call_of(request: Request) -> Call:
    """The call that a request is; RequestError where its deadline is none."""
    state = request.state
    deadline_s = deadline_of(request.headers.get(TIMEOUT), time.monotonic())
    call = Call(deadline_s=deadline_s, metadata=dict(request.headers), peer=getattr(state, "peer", ""))
    call.certificate = getattr(state, "certificate", None)
    return call


async def _read_body(request: Request) -> None:
    """Have the whole body at hand; it is not parsed yet."""
    try:
        await request.body()
    except ClientDisconnect:
        raise CallerGoneError from None


async def _answer(request: Request, handle: Handle) -> Response:
    """What a route gives; what FastAPI finds wrong with the question in our own words."""
    try:
        return await handle(request)
    except RequestValidationError as error:
        raise told(error.errors()) from None
    except HTTPException:  # by which FastAPI says that it cannot parse the body
        raise RequestError("body", "is no JSON", FORM) from None
