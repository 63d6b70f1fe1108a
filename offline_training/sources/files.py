"""Parquet and CSV files, here or in an object store."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from features.errors import DomainError, UnavailableError
from offline_training.sources.address import Address
from offline_training.sources.duckdb_rows import ask

FILE_SCHEMES: Final = frozenset({"", "file", "s3", "gs"})
VIEW: Final = "dataset"
"""Name of the files' rows in SQL."""

_FORMATS: Final = (".parquet", ".csv")
_WILD: Final = "*"


def read_files(
    where: str, address: Address, query: str | None, folder: Path, types: Mapping[str, pa.DataType]
) -> pa.Table:
    """Rows of a file, of all files in a folder, or of those that match a pattern; see `read_source`."""
    try:
        filesystem, path = _place(address, folder)
        rows = _open(where, address, filesystem, _files(filesystem, path), types)
        return rows.to_table() if query is None else _ask(where, rows, query)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DomainError(
            where, f"{address.shown} is no table, or no address ({address.cleaned(error)})", "correct it"
        ) from None
    except OSError as error:
        raise UnavailableError(address.shown, address.cleaned(error)) from None


def _place(address: Address, folder: Path) -> tuple[pafs.FileSystem, str]:
    if address.scheme in {"", "file"}:
        path = unquote(address.url.partition("://")[2]) if address.scheme else address.url
        return pafs.LocalFileSystem(), (folder / path).absolute().as_posix()
    return pafs.FileSystem.from_uri(address.url)


def _files(filesystem: pafs.FileSystem, path: str) -> list[str]:
    """Paths in their order, so that rows do not depend on how a store lists them."""
    if filesystem.get_file_info(path).type is pafs.FileType.File:
        return [path]
    pattern, base = path, path
    while _WILD in base:
        base = str(PurePosixPath(base).parent)
    if base == path:
        pattern = f"{path.rstrip('/')}/{_WILD}"
    selector = pafs.FileSelector(base, allow_not_found=True, recursive=True)
    found = (info.path for info in filesystem.get_file_info(selector) if info.type is pafs.FileType.File)
    return sorted(file for file in found if fnmatch(file, pattern) and file.endswith(_FORMATS))


def _open(
    where: str,
    address: Address,
    filesystem: pafs.FileSystem,
    files: list[str],
    types: Mapping[str, pa.DataType],
) -> pads.Dataset:
    formats = {PurePosixPath(file).suffix for file in files}
    if len(formats) != 1 or not formats.issubset(_FORMATS):
        found = f"holds {' and '.join(sorted(formats))} files" if formats else "is not there, or holds no file"
        raise DomainError(where, f"{address.shown} {found}", f"name files of one kind: {', '.join(_FORMATS)}")
    options = pacsv.ConvertOptions(
        column_types=dict(types), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    kind = pads.ParquetFileFormat() if formats == {".parquet"} else pads.CsvFileFormat(convert_options=options)
    rows = pads.dataset(files, filesystem=filesystem, format=kind)
    for fragment in rows.get_fragments():  # pyarrow reads null where a file lacks a column of the first
        for name in sorted(set(rows.schema.names) ^ set(fragment.physical_schema.names)):
            raise DomainError(
                where, f"{fragment.path} and {files[0]} do not both have a column {name}", "name files of equal columns"
            )
    return rows


def _ask(where: str, rows: pads.Dataset, query: str) -> pa.Table:
    with duckdb.connect(":memory:") as connection:
        connection.register(VIEW, rows)
        return ask(where, connection, query, f"correct the SQL; it reads {VIEW}")
