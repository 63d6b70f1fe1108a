"""Databases: whatever SQLAlchemy has a driver for, and DuckDB's own files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from features.errors import DomainError, UnavailableError
from offline_training.sources.address import Address
from offline_training.sources.duckdb_rows import ask

_FILE_DATABASES: Final = frozenset({"sqlite"})
_PARAMETER: Final = re.compile(r"(?<![:\w\\]):(?=\w)")
"""A colon that SQLAlchemy would take for the beginning of a parameter's name: there are none."""


def read_duckdb(where: str, address: Address, query: str | None, folder: Path) -> pa.Table:
    """Rows of a DuckDB file, which other processes may read meanwhile; see `read_source`."""
    asked = _require_query(where, address, query)
    path = folder / address.url.partition("://")[2].removeprefix("/")
    _require_file(where, address, path)
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise UnavailableError(address.shown, address.cleaned(error)) from None
    with connection:
        return ask(where, connection, asked, "correct the SQL")


def read_database(where: str, address: Address, query: str | None, folder: Path) -> pa.Table:
    """Rows of any other database, in a transaction that is rolled back; see `read_source`."""
    engine = _engine(where, address, folder)
    asked = _require_query(where, address, query)
    try:
        try:
            connection = engine.connect()
        except TypeError as error:
            raise DomainError(
                where,
                f"{address.shown} has a parameter that its driver does not know ({address.cleaned(error)})",
                "leave it out",
            ) from None
        except SQLAlchemyError as error:
            raise UnavailableError(address.shown, _said(address, error)) from None
        with connection:
            return _rows(where, address, connection, asked)
    finally:
        engine.dispose()


def _engine(where: str, address: Address, folder: Path) -> sqlalchemy.Engine:
    try:
        url = sqlalchemy.make_url(address.url)
        if url.get_backend_name() in _FILE_DATABASES and url.database:
            path = folder / url.database
            _require_file(where, address, path)
            url = url.set(database=str(path))
        return sqlalchemy.create_engine(url)
    except (ArgumentError, NoSuchModuleError, ValueError):
        known = "a path, file://, s3://, gs://, duckdb://, or a database that SQLAlchemy knows"
        raise DomainError(where, f"{address.shown} is of no kind that is known", f"write {known}") from None
    except ImportError as error:
        raise DomainError(
            where, f"{address.shown} needs a driver ({error})", "install it, or name another: postgresql+pg8000://…"
        ) from None


def _rows(where: str, address: Address, connection: sqlalchemy.Connection, query: str) -> pa.Table:
    try:
        found = connection.execution_options(stream_results=True).execute(_text(query))
        names, rows = list(found.keys()), found.fetchall()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnavailableError(address.shown, _said(address, error)) from None
        raise DomainError(f"{where}.query", f"does not run ({_said(address, error)})", "correct the SQL") from None
    except SQLAlchemyError as error:
        raise DomainError(f"{where}.query", f"gives no rows ({_said(address, error)})", "write a SELECT") from None
    columns = []
    for name, column in zip(names, zip(*rows, strict=True) if rows else ([] for _ in names), strict=True):
        try:
            columns.append(pa.array(list(column)))
        except (pa.ArrowException, OverflowError) as error:
            raise DomainError(
                f"{where}.query", f"gives a column {name} of a type that is no column's ({error})", "cast it"
            ) from None
    return pa.Table.from_arrays(columns, names=names)


def _text(query: str) -> sqlalchemy.TextClause:
    """The query as it is written, whatever colons are in its texts."""
    return sqlalchemy.text(_PARAMETER.sub(r"\\:", query))


def _said(address: Address, error: SQLAlchemyError) -> str:
    """The database's own words, without SQLAlchemy's around them."""
    return address.cleaned(error.orig if isinstance(error, DBAPIError) else error)


def _require_query(where: str, address: Address, query: str | None) -> str:
    if query is None:
        raise DomainError(where, f"{address.shown} is a database, and there is no query", "say which rows are meant")
    return query


def _require_file(where: str, address: Address, path: Path) -> None:
    """DomainError where a database's file is not there: opening it would make it."""
    if not path.is_file():
        raise DomainError(where, f"{address.shown} is not there", f"put it at {path}")
