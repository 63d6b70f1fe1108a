"""Elements in JSON: flat, or in lists nested as the shape says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from features.errors import RequestError
from grpc_api.open_inference.datatypes import BF16, BYTES, Datatype
from grpc_api.open_inference.tensor import Tensor, bytes_array, require_count, where

_TYPES: Final[dict[str, frozenset[type]]] = {
    "bool": frozenset({bool}),
    "integer": frozenset({int}),
    "float": frozenset({int, float, type(None)}),  # JSON has no NaN
    "bytes": frozenset({str}),
}
_WORDS: Final = {"bool": "true and false", "integer": "integers", "float": "numbers, or null", "bytes": "strings"}


def from_json(name: str, datatype: Datatype, shape: tuple[int, ...], data: Any) -> Tensor:
    """A tensor from what JSON holds; null is NaN. RequestError where it is not of the shape and the datatype."""
    if datatype is BF16:
        raise RequestError(where(name), "is BF16 in JSON", "send it as binary data")
    if not isinstance(data, list):
        raise RequestError(f"{where(name)}.data", "is not a list", "send the elements in a list")
    flat = _flattened(name, shape, data)
    require_count(name, shape, len(flat))
    if not _TYPES[datatype.kind].issuperset(map(type, flat)):
        problem = f"has an element that is not {datatype.name}"
        raise RequestError(f"{where(name)}.data", problem, f"send {_WORDS[datatype.kind]}")
    if datatype is BYTES:
        return Tensor(name, datatype, shape, bytes_array([text.encode(errors="surrogatepass") for text in flat]))
    return Tensor(name, datatype, shape, _numbers(name, datatype, flat))


def to_json(tensor: Tensor) -> list[Any]:
    """The elements, flat; what JSON has no number for is null."""
    if tensor.datatype is BYTES:
        return [element.decode(errors="replace") for element in tensor.elements]
    values = tensor.elements.tolist()
    if tensor.datatype.kind != "float":
        return values  # type: ignore[no-any-return]  # numpy does not tell what its lists hold
    return [value if math.isfinite(value) else None for value in values]


def _flattened(name: str, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    """Nested lists as one; what is flat already stays."""
    if len(shape) < 2 or not data or not isinstance(data[0], list):
        return data
    level: Sequence[Any] = [data]
    for size in shape:
        if not all(isinstance(part, list) and len(part) == size for part in level):
            raise RequestError(f"{where(name)}.data", "is not nested as its shape says", "nest it so, or send it flat")
        level = [element for part in level for element in part]
    return list(level)


def _numbers(name: str, datatype: Datatype, flat: list[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    """Elements as numpy has them; RequestError where one does not fit."""
    if datatype.kind != "float":
        try:
            return np.array(flat, dtype=datatype.dtype)
        except OverflowError:
            raise _beyond(name, datatype) from None
    try:
        wide = np.array([math.nan if element is None else element for element in flat], dtype=np.float64)
    except OverflowError:
        raise _beyond(name, datatype) from None
    with np.errstate(over="ignore"):
        elements = wide.astype(datatype.dtype)
    if not np.array_equal(np.isinf(elements), np.isinf(wide)):
        raise _beyond(name, datatype)
    return elements


def _beyond(name: str, datatype: Datatype) -> RequestError:
    return RequestError(where(name), f"has a number beyond {datatype.name}", "send the datatype that holds it")
