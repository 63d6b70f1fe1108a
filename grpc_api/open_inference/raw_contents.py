"""Elements as raw bytes: little-endian, row by row, without gaps; each of BYTES behind its length in four bytes."""

from __future__ import annotations

import math
from struct import Struct
from typing import Final

import numpy as np

from features.errors import RequestError
from grpc_api.open_inference.datatypes import BOOL, BYTES, Datatype
from grpc_api.open_inference.tensor import Tensor, bytes_array, where

_LENGTH: Final = Struct("<I")


def from_raw(name: str, datatype: Datatype, shape: tuple[int, ...], data: bytes) -> Tensor:
    """A tensor from its bytes; RequestError where their number is not the shape's."""
    if datatype is BYTES:
        return Tensor(name, datatype, shape, bytes_array(_split(name, math.prod(shape), data)))
    wanted = math.prod(shape) * datatype.dtype.itemsize
    if len(data) != wanted:
        raise RequestError(
            where(name), f"has {len(data)} bytes", f"{datatype.name} of shape {list(shape)} needs {wanted}"
        )
    elements = np.frombuffer(data, datatype.dtype)
    if datatype is BOOL and elements.size and int(elements.view(np.uint8).max()) > 1:
        raise RequestError(where(name), "has a byte other than 0 and 1", "write BOOL as bytes of 0 and 1")
    return Tensor(name, datatype, shape, elements)


def to_raw(tensor: Tensor) -> bytes:
    """The bytes of a tensor."""
    if tensor.datatype is BYTES:
        return b"".join([_LENGTH.pack(len(element)) + element for element in tensor.elements])
    return tensor.elements.astype(tensor.datatype.dtype, copy=False).tobytes()


def _split(name: str, n_elements: int, data: bytes) -> list[bytes]:
    """The elements of BYTES."""
    found, at, end = [], 0, len(data)
    while at < end:
        begin = at + _LENGTH.size
        at = begin + _LENGTH.unpack_from(data, at)[0] if begin <= end else end + 1
        if at > end:
            raise RequestError(where(name), "ends within an element", "write each as its length (uint32) and its bytes")
        found.append(data[begin:at])
    if len(found) != n_elements:
        raise RequestError(where(name), f"has {len(found)} elements of BYTES", f"its shape says {n_elements}")
    return found
