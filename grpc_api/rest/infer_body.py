"""The bodies of ``/infer``: JSON, and behind it the elements of tensors that are sent as binary data.

As the binary data extension has it: the header ``Inference-Header-Content-Length`` tells where the JSON ends, and the
parameter ``binary_data_size`` of each such tensor how many bytes are its own, in the order of the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from features.errors import RequestError
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api.http2.request_head import LONGEST_LENGTH
from grpc_api.open_inference.datatypes import DATATYPES, datatype_of
from grpc_api.open_inference.json_contents import from_json, to_json
from grpc_api.open_inference.raw_contents import from_raw, to_raw
from grpc_api.open_inference.tensor import checked_shape, where

HEADER_LENGTH: Final = "inference-header-content-length"
DATA_SIZE: Final = "binary_data_size"
AS_BINARY: Final = "binary_data"
ALL_AS_BINARY: Final = "binary_data_output"

Parameters = dict[str, Any]
FIELD_OF: Final[dict[type, str]] = {
    bool: "bool_param",
    int: "int64_param",
    float: "double_param",
    str: "string_param",
}
INT64: Final = range(-(2**63), 2**63)


class GivenInput(msgspec.Struct):
    """An input in JSON."""

    name: str
    datatype: str
    shape: list[int]
    data: Any = msgspec.UNSET
    parameters: Parameters = {}


class WantedOutput(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: Parameters = {}


class Question(msgspec.Struct):
    """The JSON of a request."""

    inputs: list[GivenInput]
    outputs: list[WantedOutput] = []
    id: str = ""
    parameters: Parameters = {}


class InferBody(NamedTuple):
    """A request, and which outputs it wants as binary data (by name; else the default)."""

    request: pb.ModelInferRequest
    binary: Mapping[str, bool]
    all_binary: bool


class Response(NamedTuple):
    """The body of a response; ``json_bytes`` is None where it is JSON to its end."""

    body: bytes
    json_bytes: int | None


def read_body(body: bytes, header_length: str | None) -> InferBody:
    """A request from its body; RequestError where it is none."""
    json_bytes = len(body) if header_length is None else _length(header_length, len(body))
    try:
        question = msgspec.json.decode(memoryview(body)[:json_bytes], type=Question)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError("body", f"is no inference request ({error})", "see docs/open-inference.md") from None
    request = pb.ModelInferRequest(id=question.id)
    set_parameters(request.parameters, question.parameters)
    binary = memoryview(body)[json_bytes:]
    for given in question.inputs:
        data, binary = _elements(given, binary)
        tensor = request.inputs.add(name=given.name, datatype=given.datatype, shape=_shape(given))
        set_parameters(tensor.parameters, given.parameters)
        request.raw_input_contents.append(data)
    if binary:
        raise RequestError("body", f"has {len(binary)} bytes too many", f"tell those of each tensor by {DATA_SIZE}")
    for wanted in question.outputs:
        set_parameters(request.outputs.add(name=wanted.name).parameters, wanted.parameters)
    told = {wanted.name: wanted.parameters[AS_BINARY] for wanted in question.outputs if AS_BINARY in wanted.parameters}
    return InferBody(
        request,
        binary={name: value is True for name, value in told.items()},
        all_binary=question.parameters.get(ALL_AS_BINARY) is True,
    )


def write_body(response: pb.ModelInferResponse, asked: InferBody) -> Response:
    """The body of a response, whose outputs are raw."""
    outputs, binaries = [], []
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        told: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": list(output.shape)}
        if asked.binary.get(output.name, asked.all_binary):
            told["parameters"] = {DATA_SIZE: len(raw)}
            binaries.append(raw)
        else:
            told["data"] = to_json(from_raw(output.name, DATATYPES[output.datatype], tuple(output.shape), raw))
        outputs.append(told)
    head = msgspec.json.encode(
        {
            "model_name": response.model_name,
            "model_version": response.model_version,
            **({"id": response.id} if response.id else {}),
            "parameters": {name: _plain(parameter) for name, parameter in response.parameters.items()},
            "outputs": outputs,
        }
    )
    return Response(b"".join([head, *binaries]), len(head) if binaries else None)


def set_parameters(into: Any, parameters: Parameters) -> None:
    """Put parameters of JSON into a message; what the protocol has no kind for is left out, as nobody reads it."""
    for name, value in parameters.items():
        field = FIELD_OF.get(type(value))
        if field is not None and (type(value) is not int or value in INT64):
            setattr(into[name], field, value)


def _length(header: str, body_bytes: int) -> int:
    if not (header.isascii() and header.isdigit() and len(header) <= LONGEST_LENGTH) or int(header) > body_bytes:
        problem = f"is {header!r:.40} for a body of {body_bytes} bytes"
        raise RequestError(f"header {HEADER_LENGTH}", problem, "give the number of bytes of JSON")
    return int(header)


def _elements(given: GivenInput, binary: memoryview) -> tuple[bytes, memoryview]:
    """The raw elements of an input, and the binary data that is left for the others."""
    size = given.parameters.get(DATA_SIZE)
    if size is None:
        datatype = datatype_of(where(given.name), given.datatype)
        data = None if given.data is msgspec.UNSET else given.data
        return to_raw(from_json(given.name, datatype, _shape(given), data)), binary
    if given.data is not msgspec.UNSET:
        raise RequestError(where(given.name), f"has data and {DATA_SIZE}", "send one of them")
    if type(size) is not int or not 0 <= size <= len(binary):
        problem = f"has {DATA_SIZE} {size!r:.40}, but {len(binary)} bytes are left"
        raise RequestError(where(given.name), problem, "send its elements behind the JSON")
    return bytes(binary[:size]), binary[size:]


def _shape(given: GivenInput) -> tuple[int, ...]:
    return checked_shape(given.name, given.shape)


def _plain(parameter: pb.InferParameter) -> Any:
    kind = parameter.WhichOneof("parameter_choice")
    return None if kind is None else getattr(parameter, kind)
