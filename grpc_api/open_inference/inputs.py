"""The inputs of a request, from protobuf or as they stand behind each other, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from features.errors import RequestError
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api.open_inference.datatypes import datatype_of
from grpc_api.open_inference.raw_contents import from_raw
from grpc_api.open_inference.tensor import Tensor, checked_shape, where
from grpc_api.open_inference.typed_contents import from_typed

SHARED_MEMORY: Final = "shared_memory_region"


def read_inputs(request: pb.ModelInferRequest) -> dict[str, Tensor]:
    """The inputs by name; RequestError where there is none, one stands there twice, or raw and typed are mixed."""
    if not request.inputs:
        raise RequestError("inputs", "are missing", "the model's metadata tells which it takes")
    tensors: dict[str, Tensor] = {}
    for given, raw in zip(request.inputs, _raw_of(request), strict=True):
        if given.name in tensors:
            raise RequestError(where(given.name), "stands there twice", "send each input once")
        tensors[given.name] = _tensor(given, raw)
    return tensors


def _raw_of(request: pb.ModelInferRequest) -> Sequence[bytes | None]:
    """The raw contents of each input, None where they are typed."""
    n_inputs, raws = len(request.inputs), request.raw_input_contents
    if not raws:
        return [None] * n_inputs
    if len(raws) != n_inputs:
        remedy = "send those of every input, in their order, or of none"
        raise RequestError("raw_input_contents", f"are {len(raws)} for {n_inputs} inputs", remedy)
    for given in request.inputs:
        if given.contents.ListFields():  # MLServer's client sets it, and leaves it empty
            raise RequestError(f"{where(given.name)}.contents", "stands beside raw_input_contents", "send one of them")
    return raws


def _tensor(given: pb.ModelInferRequest.InferInputTensor, raw: bytes | None) -> Tensor:
    if SHARED_MEMORY in given.parameters:
        raise RequestError(where(given.name), "lies in shared memory", "send it in the message")
    datatype = datatype_of(where(given.name), given.datatype)
    shape = checked_shape(given.name, given.shape)
    if raw is not None:
        return from_raw(given.name, datatype, shape, raw)
    return from_typed(given.name, datatype, shape, given.contents)
