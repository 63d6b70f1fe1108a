"""A named tensor, and its elements as doubles, integers or texts where that loses nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.errors import RequestError
from grpc_api.open_inference.datatypes import BF16, Datatype

Doubles = npt.NDArray[np.float64]

EXACT: Final = 2**53
"""Up to here every integer is a double."""
MOST_DIMENSIONS: Final = 8
MOST_ELEMENTS: Final = 2**31
"""More than any message holds."""
_WIDE: Final = {"INT64", "UINT64"}


class Tensor(NamedTuple):
    """One tensor. ``elements`` are flat, row by row, in the datatype's own form (``bytes`` for BYTES)."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    elements: npt.NDArray[Any]

    @property
    def where(self) -> str:
        """What errors call it."""
        return where(self.name)


def where(name: str) -> str:
    """What errors call an input."""
    return f"inputs[{name!r}]"


def checked_shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    """A shape as sent; RequestError where it is none."""
    if len(shape) > MOST_DIMENSIONS or not all(0 <= size < MOST_ELEMENTS for size in shape):
        problem, place = f"is {list(shape)!r:.60}", f"{where(name)}.shape"
        raise RequestError(place, problem, f"send at most {MOST_DIMENSIONS} sizes, each from 0 to 2^31")
    return tuple(shape)


def require_count(name: str, shape: tuple[int, ...], n_elements: int) -> None:
    """Hold what was sent against the shape."""
    wanted = math.prod(shape)
    if n_elements != wanted:
        raise RequestError(where(name), f"has {n_elements} elements", f"its shape {list(shape)} says {wanted}")


def to_doubles(tensor: Tensor) -> Doubles:
    """Elements as doubles; RequestError where one would not be the same number."""
    elements, datatype = tensor.elements, tensor.datatype
    if datatype.kind == "bytes":
        raise RequestError(tensor.where, "is BYTES", "send numbers")
    if datatype is BF16:
        return (elements.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    doubles = elements.astype(np.float64)
    if datatype.name in _WIDE and doubles.size and float(np.abs(doubles).max()) >= EXACT:
        raise RequestError(tensor.where, f"has integers of {EXACT} or more", "no double holds them all: send FP64")
    return doubles


def to_integers(tensor: Tensor) -> list[int]:
    """Elements as integers of 64 bits with a sign."""
    if tensor.datatype.kind != "integer":
        raise RequestError(tensor.where, f"is {tensor.datatype.name}", "send integers, as INT64")
    integers: list[int] = tensor.elements.tolist()
    if tensor.datatype.name == "UINT64" and integers and max(integers) >= 2**63:
        raise RequestError(tensor.where, "has integers of 2^63 or more", "send INT64")
    return integers


def to_booleans(tensor: Tensor) -> list[bool]:
    """Elements as booleans."""
    if tensor.datatype.kind != "bool":
        raise RequestError(tensor.where, f"is {tensor.datatype.name}", "send BOOL")
    booleans: list[bool] = tensor.elements.tolist()
    return booleans


def to_texts(tensor: Tensor) -> list[str]:
    """Elements as texts; RequestError where they are not UTF-8."""
    if tensor.datatype.kind != "bytes":
        raise RequestError(tensor.where, f"is {tensor.datatype.name}", "send texts, as BYTES")
    try:
        return [element.decode() for element in tensor.elements]
    except UnicodeDecodeError:
        raise RequestError(tensor.where, "has an element that is not UTF-8", "send texts in UTF-8") from None


def bytes_array(elements: Sequence[bytes]) -> npt.NDArray[Any]:
    """Elements of BYTES as an array; numpy left to itself would pad them."""
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array
