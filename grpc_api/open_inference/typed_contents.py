"""Elements in the typed fields of protobuf."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.errors import RequestError
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api.open_inference.datatypes import BYTES, Datatype
from grpc_api.open_inference.tensor import Tensor, bytes_array, require_count, where

_SIGNED: Final = np.dtype(np.int64)


def from_typed(name: str, datatype: Datatype, shape: tuple[int, ...], contents: pb.InferTensorContents) -> Tensor:
    """A tensor from its contents; RequestError where they are in another datatype's field, or of another number."""
    if datatype.contents is None:
        raise RequestError(where(name), f"is {datatype.name} in typed contents", "send raw_input_contents")
    for field, _ in contents.ListFields():
        if field.name != datatype.contents:
            raise RequestError(
                f"{where(name)}.contents", f"sets {field.name}", f"{datatype.name} stands in {datatype.contents}"
            )
    given = getattr(contents, datatype.contents)
    require_count(name, shape, len(given))
    if datatype is BYTES:
        return Tensor(name, datatype, shape, bytes_array(given))
    wide = np.array(given, dtype=_SIGNED if datatype.contents == "int_contents" else None)
    elements = wide.astype(datatype.dtype)
    if datatype.kind == "integer" and not np.array_equal(elements, wide):
        raise RequestError(where(name), f"has a number beyond {datatype.name}", "send the datatype that holds it")
    return Tensor(name, datatype, shape, elements)


def set_typed(tensor: Tensor, contents: pb.InferTensorContents) -> None:
    """Put a tensor's elements in the field of its datatype, which must have one."""
    assert tensor.datatype.contents is not None
    getattr(contents, tensor.datatype.contents).extend(tensor.elements.tolist())
