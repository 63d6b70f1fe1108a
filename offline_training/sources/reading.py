"""From an address to a table, by what kind of address it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from offline_training.sources.address import Address
from offline_training.sources.databases import read_database, read_duckdb
from offline_training.sources.files import FILE_SCHEMES, read_files


def read_source(
    where: str, address: Address, query: str | None, folder: Path, types: Mapping[str, pa.DataType]
) -> pa.Table:
    """The rows that a dataset means.

    Parameters
    ----------
    where
        The dataset's place in ``model.yaml``.
    address, query
        Where it is, and the SQL that chooses its rows.
    folder
        What relative paths are relative to.
    types
        Columns of a text file that are of a type which need not be guessed.

    Raises
    ------
    DomainError
        There is nothing there, it is no table, or the SQL does not run.
    UnavailableError
        Who has it does not answer.

    """
    if address.scheme in FILE_SCHEMES:
        return read_files(where, address, query, folder, types)
    if address.scheme == "duckdb":
        return read_duckdb(where, address, query, folder)
    return read_database(where, address, query, folder)
