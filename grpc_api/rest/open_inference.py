"""The Open Inference Protocol v2 over REST: each route is a method of the gRPC service in JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from google.protobuf.message import Message

from features.errors import RequestError
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api.open_inference.service import path_of
from grpc_api.rest.asking import Asking, asks
from grpc_api.rest.infer_body import HEADER_LENGTH, read_body, write_body

MODEL: Final = "/models/{model_name}"
OF_VERSION: Final = "/models/{model_name}/versions/{version}"
NO_VERSION: Final = ""
PLAIN: Final = "identity"


class IndexQuestion(msgspec.Struct):
    """The body of a question for the index, which may be left out."""

    ready: bool = False


def open_inference_routes(asking: Asking) -> APIRouter:
    """Health, metadata, inference, and the extensions."""
    router = APIRouter(prefix="/v2", tags=["open inference"], route_class=asking.route_class)
    _add_health(router, asking)
    _add_statistics(router, asking)  # before the metadata, which would take `stats` for a model
    _add_inference(router, asking)
    _add_repository(router, asking)
    return router


def _add_health(router: APIRouter, asking: Asking) -> None:
    @router.get("/health/live", summary="Whether the server answers")
    @asks(path_of("ServerLive"))
    async def server_live(request: Request) -> JSONResponse:
        answer = await asking.ask(pb.ServerLiveRequest(), pb.ServerLiveResponse, request)
        return JSONResponse({"live": answer.live}, _status(answer.live))

    @router.get("/health/ready", summary="Whether every model can answer")
    @asks(path_of("ServerReady"))
    async def server_ready(request: Request) -> JSONResponse:
        answer = await asking.ask(pb.ServerReadyRequest(), pb.ServerReadyResponse, request)
        return JSONResponse({"ready": answer.ready}, _status(answer.ready))

    @router.get(f"{OF_VERSION}/ready", summary="Whether a version of a model can answer")
    @router.get(f"{MODEL}/ready", summary="Whether a model can answer")
    @asks(path_of("ModelReady"))
    async def model_ready(request: Request, model_name: str, version: str = NO_VERSION) -> JSONResponse:
        question = pb.ModelReadyRequest(name=model_name, version=version)
        answer = await asking.ask(question, pb.ModelReadyResponse, request)
        return JSONResponse({"name": model_name, "ready": answer.ready}, _status(answer.ready))


def _add_statistics(router: APIRouter, asking: Asking) -> None:
    @router.get("/models/stats", summary="Statistics of every model")
    @asks(path_of("ModelStatistics"))
    async def all_statistics(request: Request) -> JSONResponse:
        return await _statistics(asking, request)

    @router.get(f"{OF_VERSION}/stats", summary="Statistics of a version of a model")
    @router.get(f"{MODEL}/stats", summary="Statistics of a model")
    @asks(path_of("ModelStatistics"))
    async def model_statistics(request: Request, model_name: str, version: str = NO_VERSION) -> JSONResponse:
        return await _statistics(asking, request, model_name, version)


def _add_inference(router: APIRouter, asking: Asking) -> None:
    @router.get("", summary="Metadata of the server")
    @asks(path_of("ServerMetadata"))
    async def server_metadata(request: Request) -> JSONResponse:
        return _told(await asking.ask(pb.ServerMetadataRequest(), pb.ServerMetadataResponse, request))

    @router.get(OF_VERSION, summary="A version of a model as tensors")
    @router.get(MODEL, summary="A model as tensors")
    @asks(path_of("ModelMetadata"))
    async def model_metadata(request: Request, model_name: str, version: str = NO_VERSION) -> JSONResponse:
        question = pb.ModelMetadataRequest(name=model_name, version=version)
        return _told(await asking.ask(question, pb.ModelMetadataResponse, request))

    @router.post(f"{OF_VERSION}/infer", summary="Score tensors with a version of a model")
    @router.post(f"{MODEL}/infer", summary="Score tensors")
    @asks(path_of("ModelInfer"))
    async def infer(request: Request, model_name: str, version: str = NO_VERSION) -> Response:
        encoding = request.headers.get("content-encoding", PLAIN)
        if encoding != PLAIN:
            raise RequestError("header content-encoding", f"is {encoding!r:.40}", "send the body as it is")
        asked = read_body(await request.body(), request.headers.get(HEADER_LENGTH))
        asked.request.model_name, asked.request.model_version = model_name, version
        answer = await asking.ask(asked.request, pb.ModelInferResponse, request)
        body, json_bytes = write_body(answer, asked)
        if json_bytes is None:
            return Response(body, media_type="application/json")
        return Response(body, headers={HEADER_LENGTH: str(json_bytes)}, media_type="application/octet-stream")


def _add_repository(router: APIRouter, asking: Asking) -> None:
    @router.post("/repository/index", summary="What is published")
    @asks(path_of("RepositoryIndex"))
    async def repository_index(request: Request) -> JSONResponse:
        question = pb.RepositoryIndexRequest(ready=_index_question(await request.body()).ready)
        answer = await asking.ask(question, pb.RepositoryIndexResponse, request)
        return JSONResponse([plain(one) for one in answer.models])

    @router.post("/repository/models/{model_name}/load", summary="Refused: the registry decides what serves")
    @asks(path_of("RepositoryModelLoad"))
    async def repository_model_load(request: Request, model_name: str) -> JSONResponse:
        question = pb.RepositoryModelLoadRequest(model_name=model_name)
        return _told(await asking.ask(question, pb.RepositoryModelLoadResponse, request))

    @router.post("/repository/models/{model_name}/unload", summary="Refused: the registry decides what serves")
    @asks(path_of("RepositoryModelUnload"))
    async def repository_model_unload(request: Request, model_name: str) -> JSONResponse:
        question = pb.RepositoryModelUnloadRequest(model_name=model_name)
        return _told(await asking.ask(question, pb.RepositoryModelUnloadResponse, request))


async def _statistics(asking: Asking, request: Request, name: str = "", version: str = "") -> JSONResponse:
    question = pb.ModelStatisticsRequest(name=name, version=version)
    return _told(await asking.ask(question, pb.ModelStatisticsResponse, request))


def _index_question(body: bytes) -> IndexQuestion:
    try:
        return msgspec.json.decode(body, type=IndexQuestion) if body else IndexQuestion()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError("body", f"is no question for the index ({error})", 'send {"ready": true}, or none') from None


def _told(message: Message) -> JSONResponse:
    return JSONResponse(plain(message))


def _status(is_so: bool) -> HTTPStatus:
    return HTTPStatus.OK if is_so else HTTPStatus.SERVICE_UNAVAILABLE


def plain(message: Any) -> Any:
    """A message as JSON has it, with every field; protobuf's own form writes integers of 64 bits as strings."""
    if not isinstance(message, Message):
        return message
    told = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        told[field.name] = [plain(one) for one in value] if field.is_repeated else plain(value)
    return told
