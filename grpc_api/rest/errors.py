"""Failures as HTTP has them: a status, and ``{"error": what, where and what to do}``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from features.errors import MillstreamError, RequestError
from grpc_api.gate import CallFailedError
from grpc_api.status import UNKNOWN, Code, Status, status_of

HTTP_STATUS: Final = {
    "CANCELLED": 499,
    "UNKNOWN": HTTPStatus.INTERNAL_SERVER_ERROR,
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "FAILED_PRECONDITION": HTTPStatus.INTERNAL_SERVER_ERROR,  # ours: what is served does not fit together
    "ABORTED": HTTPStatus.CONFLICT,
    "OUT_OF_RANGE": HTTPStatus.BAD_REQUEST,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DATA_LOSS": HTTPStatus.INTERNAL_SERVER_ERROR,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
}
"""By the names of gRPC's codes, as google.rpc.Code maps them, but for what is the server's own fault."""

FORM: Final = "its form is in /openapi.json"


def add_error_handlers(app: FastAPI) -> None:
    """Have every failure answered in the one form."""

    @app.exception_handler(CallFailedError)
    async def call_failed(_request: Request, error: CallFailedError) -> JSONResponse:
        return failed_with(error.status)

    @app.exception_handler(MillstreamError)
    async def refused(_request: Request, error: MillstreamError) -> JSONResponse:
        return failed_with(status_of(error))

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        problem = f"{request.method} {request.url.path}: {str(error.detail).lower()}"
        return failure(error.status_code, f"{problem}; the routes are in /openapi.json", error.headers)

    @app.exception_handler(Exception)
    async def unknown(_request: Request, _error: Exception) -> JSONResponse:  # uvicorn logs it
        return failure(HTTPStatus.INTERNAL_SERVER_ERROR, UNKNOWN.message)


def told(problems: Sequence[Any]) -> RequestError:
    """The first thing that pydantic found wrong, in our own words."""
    place = problems[0]["loc"]
    beside = [one for one in problems if len(one["loc"]) > 1 and one["loc"][:-1] == place[:-1]]
    if len(beside) > 1:  # of a value that may be of several types, each is told in a place of its own
        place = place[:-1]
    else:
        beside = list(problems[:1])
    where = ".".join(str(part) for part in place if part != "body") or "body"
    return RequestError(where, ", or ".join(one["msg"][:1].lower() + one["msg"][1:] for one in beside), FORM)


def failed_with(status: Status) -> JSONResponse:
    """What gRPC would tell, by HTTP."""
    wait_s = status.retry_after_s
    if wait_s is not None:
        return failure(HTTP_STATUS[status.code.name], status.message, {"retry-after": str(math.ceil(wait_s))})
    if status.code is Code.RESOURCE_EXHAUSTED:  # and never welcome: what was sent is too large
        return failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, status.message)
    return failure(HTTP_STATUS[status.code.name], status.message)


def failure(status: int, message: str, headers: Any = None) -> JSONResponse:
    """A response that says why there is no answer. What UTF-8 cannot write, which JSON can, becomes a question mark."""
    return JSONResponse({"error": message.encode(errors="replace").decode()}, status, headers=headers)
