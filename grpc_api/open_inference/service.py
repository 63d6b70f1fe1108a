"""The service ``inference.GRPCInferenceService``: each method parses, asks the core, and answers in its own words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final

from features.clock import Clock
from features.errors import RequestError
from features.routing import CHAMPION
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as scoring
from grpc_api.call import Call
from grpc_api.catalogue import Catalogue
from grpc_api.core import CHUNK_ROWS
from grpc_api.messages import parse_into
from grpc_api.methods import Group, Method, Unary, UnaryMethod
from grpc_api.open_inference.inputs import read_inputs
from grpc_api.open_inference.outputs import output_names, set_outputs, to_outputs
from grpc_api.open_inference.rows import Rows
from grpc_api.open_inference.shown import Shown, inputs_of, outputs_of
from grpc_api.open_inference.statistics import Statistics
from grpc_api.status import Code, NotOfferedError, RowFailedError, Status, UnknownNameError

SERVICE: Final = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
SERVER: Final = "millstream"
VERSION: Final = version(SERVER)
PLATFORM: Final = "onnx_onnxv1"
EXTENSIONS: Final = ("binary_tensor_data", "model_repository", "statistics")
ROUTING_KEY: Final = "routing_key"
"""Parameter of a request: what an experiment assigns an arm by."""

ScoreBatch = Callable[[bytes, Call, str], Awaitable[bytes]]
"""`Core.score_batch`: message, call, and the version that is to answer, empty for whichever serves."""


class OpenInference:
    """Answers the protocol.

    Parameters
    ----------
    catalogue, clock
        Collaborators.
    score_batch
        The core's method of that name.
    max_batch_rows
        The most rows that it takes.

    """

    def __init__(self, *, catalogue: Catalogue, score_batch: ScoreBatch, clock: Clock, max_batch_rows: int) -> None:
        self._catalogue = catalogue
        self._score_batch = score_batch
        self._clock = clock
        self._max_batch_rows = max_batch_rows
        self._statistics = Statistics()

    def methods(self) -> Iterator[Method]:
        """The methods of the protocol, and of its extensions."""
        groups: dict[Group, tuple[Unary, ...]] = {
            "open": (self.server_live, self.server_ready, self.model_ready),
            "score": (
                self.server_metadata,
                self.model_metadata,
                self.model_infer,
                self.repository_index,
                self.model_statistics,
            ),
            "admin": (self.repository_model_load, self.repository_model_unload),
        }
        for group, handlers in groups.items():
            for handler in handlers:
                yield UnaryMethod(path_of(_name_of(handler)), group, handler)

    async def server_live(self, data: bytes, _call: Call) -> bytes:
        """``ServerLiveRequest`` to ``ServerLiveResponse``."""
        parse_into(pb.ServerLiveRequest(), data)
        return pb.ServerLiveResponse(live=True).SerializeToString()

    async def server_ready(self, data: bytes, _call: Call) -> bytes:
        """``ServerReadyRequest`` to ``ServerReadyResponse``."""
        parse_into(pb.ServerReadyRequest(), data)
        return pb.ServerReadyResponse(ready=self._catalogue.is_ready("")).SerializeToString()

    async def model_ready(self, data: bytes, _call: Call) -> bytes:
        """``ModelReadyRequest`` to ``ModelReadyResponse``."""
        request = pb.ModelReadyRequest()
        parse_into(request, data)
        model = self._find(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._catalogue.is_ready(model.model)).SerializeToString()

    async def server_metadata(self, data: bytes, _call: Call) -> bytes:
        """``ServerMetadataRequest`` to ``ServerMetadataResponse``."""
        parse_into(pb.ServerMetadataRequest(), data)
        return pb.ServerMetadataResponse(name=SERVER, version=VERSION, extensions=EXTENSIONS).SerializeToString()

    async def model_metadata(self, data: bytes, _call: Call) -> bytes:
        """``ModelMetadataRequest`` to ``ModelMetadataResponse``."""
        request = pb.ModelMetadataRequest()
        parse_into(request, data)
        model = self._find(request.name, request.version)
        return pb.ModelMetadataResponse(
            name=model.model,
            versions=[model.version],  # those that may be asked for by name
            platform=PLATFORM,
            inputs=map(_metadata, inputs_of(model)),
            outputs=map(_metadata, outputs_of(model)),
        ).SerializeToString()

    async def model_infer(self, data: bytes, call: Call) -> bytes:
        """``ModelInferRequest`` to ``ModelInferResponse``."""
        request = pb.ModelInferRequest()
        parse_into(request, data)
        model = self._find(request.model_name, request.model_version)
        begin_ns = time.perf_counter_ns()
        try:
            return (await self._infer(model, request, call)).SerializeToString()
        except Exception:
            self._statistics.failed(model.model, model.version, time.perf_counter_ns() - begin_ns)
            raise

    async def repository_index(self, data: bytes, _call: Call) -> bytes:
        """``RepositoryIndexRequest`` to ``RepositoryIndexResponse``."""
        request = pb.RepositoryIndexRequest()
        parse_into(request, data)
        response = pb.RepositoryIndexResponse()
        for model in self._catalogue.infos():
            ready = self._catalogue.is_ready(model.model)
            if ready:
                response.models.add(name=model.model, version=model.version, state="READY")
            elif not request.ready:
                reason = "its feature views do not serve yet"
                response.models.add(name=model.model, version=model.version, state="UNAVAILABLE", reason=reason)
        return response.SerializeToString()

    async def repository_model_load(self, data: bytes, _call: Call) -> bytes:
        """``RepositoryModelLoadRequest``, refused."""
        request = pb.RepositoryModelLoadRequest()
        parse_into(request, data)
        raise _registry_decides("load")

    async def repository_model_unload(self, data: bytes, _call: Call) -> bytes:
        """``RepositoryModelUnloadRequest``, refused."""
        request = pb.RepositoryModelUnloadRequest()
        parse_into(request, data)
        raise _registry_decides("unload")

    async def model_statistics(self, data: bytes, _call: Call) -> bytes:
        """``ModelStatisticsRequest`` to ``ModelStatisticsResponse``."""
        request = pb.ModelStatisticsRequest()
        parse_into(request, data)
        if request.name:
            self._catalogue.info(request.name)
        served = [(model.model, model.version) for model in self._catalogue.infos()]
        found = self._statistics.of(request.name, request.version, served)
        return pb.ModelStatisticsResponse(model_stats=found).SerializeToString()

    async def _infer(
        self, model: scoring.ModelInfo, request: pb.ModelInferRequest, call: Call
    ) -> pb.ModelInferResponse:
        clock_ns = time.perf_counter_ns
        begin_ns = clock_ns()
        names = output_names(model, request)
        question = await self._question(model, request)
        asked_ns = clock_ns()
        answer = scoring.ScoreBatchResponse.FromString(
            await self._score_batch(question.SerializeToString(), call, request.model_version)
        )
        answered_ns = clock_ns()
        versions, arms = who_answered(answer)
        response = pb.ModelInferResponse(model_name=answer.model, model_version=versions, id=request.id)
        response.parameters["arm"].string_param = arms
        tensors = to_outputs(model, _answers_of(answer.rows), names)
        set_outputs(response, tensors, raw=bool(request.raw_input_contents))
        end_ns = clock_ns()
        self._statistics.succeeded(
            answer.model,
            answer.version,
            n_rows=len(answer.rows),
            at_ms=self._clock.now_us() // 1_000,
            ns={
                "success": end_ns - begin_ns,
                "compute_input": asked_ns - begin_ns,
                "compute_infer": answered_ns - asked_ns,
                "compute_output": end_ns - answered_ns,
            },
        )
        return response

    async def _question(self, model: scoring.ModelInfo, request: pb.ModelInferRequest) -> scoring.ScoreBatchRequest:
        """The rows of a request, as the core is asked for them; others get their turn while there are many."""
        rows = Rows(model, read_inputs(request), request.id)
        if rows.number > self._max_batch_rows:
            raise RequestError("inputs", f"are {rows.number} rows", f"send at most {self._max_batch_rows} at a time")
        routing_key = request.parameters[ROUTING_KEY].string_param
        question = scoring.ScoreBatchRequest(model=model.model, routing_key=routing_key)
        for at in range(rows.number):
            rows.fill(question.rows.add(), at)
            if at % CHUNK_ROWS == CHUNK_ROWS - 1:
                await asyncio.sleep(0)
        return question

    def _find(self, name: str, asked_version: str) -> scoring.ModelInfo:
        """The model that answers to a name, and to a version where one was given."""
        model = self._catalogue.info(name)
        if asked_version:
            _require_version(asked_version, model.version, model.model)
        return model


def path_of(name: str) -> str:
    """Path of a method of the service."""
    return f"/{SERVICE}/{name}"


def who_answered(answer: scoring.ScoreBatchResponse) -> tuple[str, str]:
    """Version and arm of those whose scores these are; several, the champion first, where rows went to both."""
    rows = [row.answer for row in answer.rows if row.HasField("answer")]
    who = {(row.version or answer.version, row.arm or answer.arm) for row in rows} or {(answer.version, answer.arm)}
    versions, arms = zip(*sorted(who, key=lambda one: one[1] != CHAMPION), strict=True)
    return ",".join(dict.fromkeys(versions)), ",".join(dict.fromkeys(arms))


def _require_version(asked: str, serving: str, model: str) -> None:
    if asked != serving:
        raise UnknownNameError("model_version", f"{asked!r} of {model} does not serve", f"name {serving}, or none")


def _answers_of(rows: Sequence[scoring.RowResult]) -> list[scoring.ScoreResponse]:
    """The answers; RowFailedError with the first that is none, for the protocol knows no row that fails alone."""
    for at, row in enumerate(rows):
        if row.HasField("error"):
            raise RowFailedError(at, Status(Code(row.error.code), row.error.message))
    return [row.answer for row in rows]


def _metadata(shown: Shown) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(name=shown.name, datatype=shown.datatype.name, shape=shown.shape)


def _registry_decides(verb: str) -> NotOfferedError:
    return NotOfferedError(f"{verb} of a model", "the registry's aliases say what serves", "promote a version there")


def _name_of(handler: Any) -> str:
    """What the protocol calls a handler."""
    return "".join(part.capitalize() for part in handler.__name__.split("_"))
