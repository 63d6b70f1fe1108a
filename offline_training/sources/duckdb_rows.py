"""What SQL yields in DuckDB."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from features.errors import DomainError


def ask(where: str, connection: duckdb.DuckDBPyConnection, query: str, remedy: str) -> pa.Table:
    """The rows of a query; DomainError where it does not run, or is none."""
    connection.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false")
    try:
        found = connection.sql(query)
        if found is None:
            raise DomainError(f"{where}.query", "gives no rows", "write a SELECT")
        table: pa.Table = found.to_arrow_table()
    except duckdb.Error as error:
        raise DomainError(f"{where}.query", f"does not run ({error})", remedy) from error
    return table
