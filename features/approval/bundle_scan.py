"""The security scan of a bundle: its files and no others, bounded, without pickle, a model of known operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.approval import onnx_scan
from features.bundle import EXPLAIN, FILES, GOLDEN, MANIFEST, MODEL, MODEL_CARD, REFERENCE, Bundle

_MIB: Final = 2**20
_DOUBLE_BYTES: Final = 8

MOST_BYTES: Final = {
    EXPLAIN: 512 * _MIB,
    GOLDEN: 256 * _MIB,
    MODEL: 512 * _MIB,
    MODEL_CARD: 4 * _MIB,
    REFERENCE: 256 * _MIB,
    MANIFEST: 4 * _MIB,
}
"""How large each file may be; arrays and tables unpacked, too."""

_EXTENSION: Final = b"ARROW:extension:name"


def scan_bundle(bundle: Bundle) -> list[str]:
    """What is wrong with a bundle's files, each with its name; empty where nothing is.

    Parameters
    ----------
    bundle
        As `features.bundle.read_bundle` gives it, so its digests hold.

    Returns
    -------
    list of str
        For people. Nothing of the bundle is run or unpickled to find them.

    """
    faults = list(_faults_of_folder(bundle))
    if faults:
        return faults
    return [f"{name} {fault}" for name, look in _LOOKS.items() for fault in look(bundle.file(name))]


def _faults_of_folder(bundle: Bundle) -> Iterator[str]:
    known = {*FILES, MANIFEST}
    for name in sorted({path.name for path in bundle.path.iterdir()} | set(bundle.manifest.files)):
        path = bundle.path / name
        if name not in known:
            yield f"{name} does not belong into a bundle"
        elif path.is_symlink() or not path.is_file():
            yield f"{name} is no plain file"
        elif path.stat().st_size > MOST_BYTES[name]:
            yield f"{name} is larger than {MOST_BYTES[name] // _MIB} MiB"


def _faults_of_arrays(path: Path) -> Iterator[str]:
    """Of an archive of NumPy arrays: one of objects would be unpickled by whoever allows it."""
    try:
        with ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES[EXPLAIN]:
                yield f"unpacks to more than {MOST_BYTES[EXPLAIN] // _MIB} MiB"
                return
            for name in archive.namelist():
                with archive.open(name) as member:
                    version = np.lib.format.read_magic(member)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    if read(member)[2].hasobject:
                        yield f"holds pickled objects ({name})"
    except (BadZipFile, ValueError, EOFError, OSError) as error:
        yield f"is no archive of arrays ({error})"


def _faults_of_table(path: Path) -> Iterator[str]:
    """Of a Parquet file: plain columns only, as an extension type may be made by code that its name finds."""
    try:
        with pq.ParquetFile(path) as file:
            schema, shape = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError) as error:
        yield f"is no Parquet file ({error})"
        return
    if shape.num_rows * shape.num_columns * _DOUBLE_BYTES > MOST_BYTES[path.name]:
        yield f"unpacks to more than {MOST_BYTES[path.name] // _MIB} MiB"
    for field in schema:
        if isinstance(field.type, pa.BaseExtensionType) or _EXTENSION in (field.metadata or {}):
            yield f"has a column of an extension type ({field.name})"


def _faults_of_text(path: Path) -> Iterator[str]:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield "is no text"


_LOOKS: Final[dict[str, Callable[[Path], Iterator[str]]]] = {
    EXPLAIN: _faults_of_arrays,
    GOLDEN: _faults_of_table,
    MODEL: onnx_scan.faults_of,
    MODEL_CARD: _faults_of_text,
    REFERENCE: _faults_of_table,
}
