"""Tensors come out as they went in, in each of the three forms, or are refused."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, from_dtype

from features.errors import RequestError
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api.open_inference.datatypes import BF16, BYTES, DATATYPES, Datatype
from grpc_api.open_inference.inputs import read_inputs
from grpc_api.open_inference.json_contents import from_json, to_json
from grpc_api.open_inference.raw_contents import from_raw, to_raw
from grpc_api.open_inference.tensor import (
    EXACT,
    Tensor,
    bytes_array,
    checked_shape,
    to_booleans,
    to_doubles,
    to_integers,
    to_texts,
)
from grpc_api.open_inference.typed_contents import from_typed, set_typed

SHAPES = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)
TYPED = [datatype for datatype in DATATYPES.values() if datatype.contents is not None]
IN_JSON = [datatype for datatype in DATATYPES.values() if datatype is not BF16]


def named(datatype: Datatype) -> str:
    return datatype.name


@st.composite
def tensors(draw: st.DrawFn, datatype: Datatype, *, text: bool = False) -> Tensor:
    """Any tensor of a datatype, NaN and infinities among its floats; ``text``: one that JSON can tell."""
    shape = draw(SHAPES)
    size = math.prod(shape)
    if datatype is BYTES:
        element = st.text().map(str.encode) if text else st.binary()
        return Tensor("x", datatype, shape, bytes_array(draw(st.lists(element, min_size=size, max_size=size))))
    numbers = from_dtype(datatype.dtype, **({"allow_infinity": False} if text and datatype.kind == "float" else {}))
    return Tensor("x", datatype, shape, draw(arrays(datatype.dtype, size, elements=numbers)))


def assert_same(one: Tensor, other: Tensor) -> None:
    """Same shape, datatype and elements, NaN like NaN."""
    assert (one.name, one.datatype, one.shape) == (other.name, other.datatype, other.shape)
    if one.datatype.kind == "float":
        assert one.elements.dtype == other.elements.dtype
        np.testing.assert_array_equal(one.elements, other.elements)
    else:
        assert one.elements.tolist() == other.elements.tolist()


@pytest.mark.parametrize("datatype", DATATYPES.values(), ids=named)
@settings(max_examples=25)
@given(data=st.data())
def test_raw_contents_are_read_as_they_were_written(datatype: Datatype, data: st.DataObject) -> None:
    """Bit for bit."""
    tensor = data.draw(tensors(datatype))
    raw = to_raw(tensor)
    again = from_raw("x", datatype, tensor.shape, raw)
    assert_same(again, tensor)
    assert to_raw(again) == raw


@pytest.mark.parametrize("datatype", TYPED, ids=named)
@settings(max_examples=25)
@given(data=st.data())
def test_typed_contents_are_read_as_they_were_written(datatype: Datatype, data: st.DataObject) -> None:
    """Through the bytes of the message."""
    tensor = data.draw(tensors(datatype))
    contents = pb.InferTensorContents()
    set_typed(tensor, contents)
    again = pb.InferTensorContents.FromString(contents.SerializeToString())
    assert_same(from_typed("x", datatype, tensor.shape, again), tensor)


@pytest.mark.parametrize("datatype", IN_JSON, ids=named)
@settings(max_examples=25)
@given(data=st.data())
def test_json_is_read_as_it_was_written(datatype: Datatype, data: st.DataObject) -> None:
    """NaN through null."""
    tensor = data.draw(tensors(datatype, text=True))
    written = json.loads(json.dumps(to_json(tensor), allow_nan=False))
    assert_same(from_json("x", datatype, tensor.shape, written), tensor)


@settings(max_examples=25)
@given(data=st.data())
def test_nested_json_is_flat_json(data: st.DataObject) -> None:
    """Lists nested as the shape says, and no others."""
    array = data.draw(arrays(np.int64, array_shapes(min_dims=2, max_dims=4, max_side=3)))
    nested, flat = array.tolist(), array.ravel().tolist()
    datatype = DATATYPES["INT64"]
    assert_same(from_json("x", datatype, array.shape, nested), from_json("x", datatype, array.shape, flat))
    with pytest.raises(RequestError, match="nested as its shape says"):
        from_json("x", datatype, (*array.shape[:-1], array.shape[-1] + 1), nested)


@pytest.mark.parametrize("datatype", [one for one in DATATYPES.values() if one.kind != "bytes"], ids=named)
@settings(max_examples=25)
@given(data=st.data())
def test_doubles_are_the_same_numbers_or_refused(datatype: Datatype, data: st.DataObject) -> None:
    """Whatever the datatype: what becomes a double was that number."""
    tensor = data.draw(tensors(datatype))
    if datatype is BF16:
        expected = [struct.unpack("<f", struct.pack("<I", int(half) << 16))[0] for half in tensor.elements]
        np.testing.assert_array_equal(to_doubles(tensor), expected)
        return
    try:
        doubles = to_doubles(tensor)
    except RequestError:
        assert any(abs(value) >= EXACT for value in tensor.elements.tolist())
        return
    for double, value in zip(doubles.tolist(), tensor.elements.tolist(), strict=True):
        assert double == value or (math.isnan(double) and math.isnan(value))


def one(name: str, values: Any) -> Tensor:
    """A tensor of one row of elements."""
    datatype = DATATYPES[name]
    elements = bytes_array(values) if datatype is BYTES else np.array(values, datatype.dtype)
    return Tensor("x", datatype, (len(values),), elements)


def test_keys_and_fields_take_their_own_kind_alone() -> None:
    """Integers from any integer datatype, booleans from BOOL, texts from BYTES in UTF-8."""
    assert to_integers(one("UINT64", [1, 2**63 - 1])) == [1, 2**63 - 1]
    assert to_integers(one("INT8", [-1])) == [-1]
    assert to_booleans(one("BOOL", [True, False])) == [True, False]
    assert to_texts(one("BYTES", [b"a", "é".encode()])) == ["a", "é"]
    for refused in (
        lambda: to_integers(one("UINT64", [2**63])),
        lambda: to_integers(one("FP64", [1.0])),
        lambda: to_booleans(one("INT8", [1])),
        lambda: to_texts(one("INT64", [1])),
        lambda: to_texts(one("BYTES", [b"\xff"])),
        lambda: to_doubles(one("BYTES", [b"1"])),
        lambda: to_doubles(one("INT64", [-(2**63)])),
    ):
        with pytest.raises(RequestError, match="inputs"):
            refused()


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "problem"),
    [
        ("FP64", [2], b"\0" * 15, "has 15 bytes; FP64 of shape .* needs 16"),
        ("FP64", [1, 2], b"\0" * 24, "has 24 bytes"),
        ("BOOL", [2], b"\0\2", "byte other than 0 and 1"),
        ("BYTES", [1], b"\5\0\0\0ab", "ends within an element"),
        ("BYTES", [1], b"\5\0", "ends within an element"),
        ("BYTES", [2], b"\1\0\0\0a", "has 1 elements of BYTES"),
        ("BYTES", [1], b"\xff\xff\xff\xff", "ends within an element"),
        ("FP64", [2**30, 2**30], b"", "needs"),
    ],
)
def test_raw_contents_of_another_size_are_refused(datatype: str, shape: list[int], raw: bytes, problem: str) -> None:
    """Too few bytes, too many, and elements that end outside."""
    with pytest.raises(RequestError, match=problem):
        from_raw("x", DATATYPES[datatype], checked_shape("x", shape), raw)


@pytest.mark.parametrize("shape", [[-1], [1] * 9, [2**63], [-(2**63)]])
def test_shapes_that_are_none_are_refused(shape: list[int]) -> None:
    """Negative sizes and too many of them; one too large for its elements fails by their number."""
    with pytest.raises(RequestError, match="inputs"):
        from_raw("x", DATATYPES["FP64"], checked_shape("x", shape), b"")


@pytest.mark.parametrize(
    ("datatype", "contents", "problem"),
    [
        ("FP64", pb.InferTensorContents(fp32_contents=[1.0]), "sets fp32_contents; FP64 stands in fp64_contents"),
        ("FP64", pb.InferTensorContents(fp64_contents=[1.0, 2.0]), "has 2 elements; its shape .* says 1"),
        ("FP64", pb.InferTensorContents(), "has 0 elements"),
        ("FP16", pb.InferTensorContents(fp32_contents=[1.0]), "FP16 in typed contents"),
        ("INT8", pb.InferTensorContents(int_contents=[128]), "beyond INT8"),
        ("INT16", pb.InferTensorContents(int_contents=[-(2**15) - 1]), "beyond INT16"),
        ("UINT8", pb.InferTensorContents(uint_contents=[256]), "beyond UINT8"),
    ],
)
def test_typed_contents_of_another_kind_are_refused(
    datatype: str, contents: pb.InferTensorContents, problem: str
) -> None:
    """Another field, another number of elements, a number that the datatype does not hold."""
    with pytest.raises(RequestError, match=problem):
        from_typed("x", DATATYPES[datatype], (1,), contents)


@pytest.mark.parametrize(
    ("datatype", "data", "problem"),
    [
        ("FP64", "1", "not a list"),
        ("FP64", ["1"], "not FP64; send numbers"),
        ("FP64", [True], "not FP64"),
        ("FP64", [10**400], "beyond FP64"),
        ("FP32", [1e39], "beyond FP32"),
        ("FP16", [70_000.0], "beyond FP16"),
        ("INT64", [1.0], "not INT64; send integers"),
        ("INT64", [True], "not INT64"),
        ("INT64", [None], "not INT64"),
        ("INT64", [2**63], "beyond INT64"),
        ("INT8", [128], "beyond INT8"),
        ("UINT8", [-1], "beyond UINT8"),
        ("BOOL", [1], "not BOOL; send true and false"),
        ("BYTES", [1], "not BYTES; send strings"),
        ("BF16", [1.0], "BF16 in JSON"),
        ("FP64", [1.0, 2.0], "has 2 elements"),
        ("FP64", [[1.0]], "not FP64"),
    ],
)
def test_json_of_another_kind_is_refused(datatype: str, data: Any, problem: str) -> None:
    """What JSON cannot mean by this datatype."""
    with pytest.raises(RequestError, match=problem):
        from_json("x", DATATYPES[datatype], (1,), data)


def request_of(*names: str, raws: int = 0, **one: Any) -> pb.ModelInferRequest:
    """A request of inputs with one double each."""
    inputs = [
        pb.ModelInferRequest.InferInputTensor(**({"name": name, "datatype": "FP64", "shape": [1]} | one))
        for name in names
    ]
    return pb.ModelInferRequest(inputs=inputs, raw_input_contents=[bytes(8)] * raws)


CONTENTS = pb.InferTensorContents(fp64_contents=[1.0])


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (request_of(), "inputs: are missing"),
        (request_of("a", "b", raws=1), "raw_input_contents: are 1 for 2 inputs"),
        (request_of("a", raws=1, contents=CONTENTS), "stands beside raw_input_contents"),
        (request_of("a", "a", raws=2), r"inputs\['a'\]: stands there twice"),
        (request_of("a", datatype="FP128", raws=1), "is 'FP128'; the datatypes are BOOL, UINT8"),
        (request_of("a", parameters={"shared_memory_region": pb.InferParameter(string_param="r")}), "shared memory"),
    ],
)
def test_inputs_that_do_not_fit_each_other_are_refused(request_: pb.ModelInferRequest, problem: str) -> None:
    """Raw contents are those of all inputs or of none."""
    with pytest.raises(RequestError, match=problem):
        read_inputs(request_)


def test_inputs_are_read_by_name() -> None:
    """Typed or raw."""
    typed = read_inputs(request_of("a", "b", contents=CONTENTS))
    raw = read_inputs(request_of("a", "b", raws=2))
    assert [tensor.elements.tolist() for tensor in typed.values()] == [[1.0], [1.0]]
    assert [tensor.elements.tolist() for tensor in raw.values()] == [[0.0], [0.0]]
    assert list(typed) == list(raw) == ["a", "b"]
