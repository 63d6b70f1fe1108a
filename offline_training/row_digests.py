"""Digests of the rows of a table, by which rows without instants are drawn, and a table is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from offline_training.declared_columns import is_text

_BYTES: Final = 8


def row_digests(table: pa.Table, names: Sequence[str], seed: int = 0) -> npt.NDArray[np.uint64]:
    """A number of 64 bits for each row, which is that of its values in these columns; null is a value of its own.

    Of a floating number null and NaN are one: a model is given the same. Equal rows have equal numbers, on any machine
    and in whatever table.
    """
    parts = [_fixed(table[name]) for name in names if not is_text(table[name].type)]
    fixed = np.concatenate([np.empty((len(table), 0), np.uint8), *parts], axis=1)
    texts = [_texts(table[name]) for name in names if is_text(table[name].type)]
    key = seed.to_bytes(_BYTES, "little")
    digests = np.empty(len(table), np.uint64)
    for i, row in enumerate(fixed):
        digest = hashlib.blake2b(row.tobytes(), digest_size=_BYTES, key=key)
        for column in texts:
            digest.update(column[i])
        digests[i] = int.from_bytes(digest.digest(), "little")
    return digests


def fingerprint_of(names: Sequence[str], digests: npt.NDArray[np.uint64]) -> str:
    """SHA-256 of a table of these columns, whatever the order of its rows."""
    digest = hashlib.sha256("\n".join(names).encode())
    digest.update(np.sort(digests).astype("<u8").tobytes())
    return digest.hexdigest()


def _fixed(column: pa.ChunkedArray[Any]) -> npt.NDArray[np.uint8]:
    """``[n, 9]``: whether it is null, and its bits; an instant in microseconds, a bool as 0 or 1, -0 as 0."""
    null = column.is_null(nan_is_null=True).to_numpy().astype(np.uint8)
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64) + 0.0  # null as NaN
        values[np.isnan(values)] = np.nan
    else:
        known: Any = pc.fill_null(column.cast(pa.int64()), pa.scalar(0, pa.int64()))
        values = known.to_numpy()
    bits = values.astype(values.dtype.newbyteorder("<"), copy=False).view(np.uint8).reshape(len(column), _BYTES)
    return np.concatenate([null[:, np.newaxis], bits], axis=1)


def _texts(column: pa.ChunkedArray[Any]) -> list[bytes]:
    """Each with its length before it, so that no two rows of several texts run into one."""
    encoded = (None if text is None else text.encode() for text in column.to_pylist())
    return [b"\xff" if text is None else len(text).to_bytes(_BYTES, "little") + text for text in encoded]
