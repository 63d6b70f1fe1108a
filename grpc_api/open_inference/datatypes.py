"""The datatypes of the protocol: how each element lies in memory, and where protobuf puts it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from features.errors import RequestError

Kind: TypeAlias = Literal["bool", "integer", "float", "bytes"]


class Datatype(NamedTuple):
    """One datatype. ``contents`` is its field of ``InferTensorContents``; None: it can be sent raw only.

    ``dtype`` is that of an element in raw contents, little-endian; elements of BYTES have no fixed size.
    """

    name: str
    kind: Kind
    dtype: np.dtype[np.generic]
    contents: str | None


BYTES: Final = Datatype("BYTES", "bytes", np.dtype(object), "bytes_contents")
BF16: Final = Datatype("BF16", "float", np.dtype("<u2"), None)
"""The upper half of an FP32; numpy has no such type."""
BOOL: Final = Datatype("BOOL", "bool", np.dtype("?"), "bool_contents")
FP64: Final = Datatype("FP64", "float", np.dtype("<f8"), "fp64_contents")
INT32: Final = Datatype("INT32", "integer", np.dtype("<i4"), "int_contents")
INT64: Final = Datatype("INT64", "integer", np.dtype("<i8"), "int64_contents")

DATATYPES: Final = {
    datatype.name: datatype
    for datatype in (
        BOOL,
        Datatype("UINT8", "integer", np.dtype("<u1"), "uint_contents"),
        Datatype("UINT16", "integer", np.dtype("<u2"), "uint_contents"),
        Datatype("UINT32", "integer", np.dtype("<u4"), "uint_contents"),
        Datatype("UINT64", "integer", np.dtype("<u8"), "uint64_contents"),
        Datatype("INT8", "integer", np.dtype("<i1"), "int_contents"),
        Datatype("INT16", "integer", np.dtype("<i2"), "int_contents"),
        INT32,
        INT64,
        Datatype("FP16", "float", np.dtype("<f2"), None),
        BF16,
        Datatype("FP32", "float", np.dtype("<f4"), "fp32_contents"),
        FP64,
        BYTES,
    )
}


def datatype_of(where: str, name: str) -> Datatype:
    """The datatype of that name; RequestError where the protocol has none."""
    datatype = DATATYPES.get(name)
    if datatype is None:
        raise RequestError(f"{where}.datatype", f"is {name!r}", f"the datatypes are {', '.join(DATATYPES)}")
    return datatype
