"""Files of events that a project may begin with."""

from __future__ import annotations

from pathlib import Path

import duckdb

DAYS = 200


def write_readings(path: Path, columns: str = "*", where: str = "true") -> Path:
    """Readings of 40 machines, one every eight hours, of which every hundredth is of no machine; CSV or Parquet."""
    format_ = "CSV" if path.suffix == ".csv" else "PARQUET"
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            COPY (SELECT {columns} FROM (
                SELECT
                    CASE WHEN hash(i) % 100 = 0 THEN NULL ELSE 'm' || hash(i) % 40 END AS "Machine ID",
                    TIMESTAMP '2024-01-01' + INTERVAL (i * 12) MINUTE AS "read at",
                    round(20 + hash(i * 7) % 400 / 10, 1) AS heat,
                    (hash(i * 3) % 9)::INTEGER AS value,
                    hash(i * 5) % 11 = 0 AS alarm,
                    ['idle', 'slow', 'fast'][1 + (hash(i * 13) % 3)::INTEGER] AS "mode",
                    if(hash(i * 17) % 4 = 0, 'night', 'day') AS shift,
                    9007199254740993 + i AS serial,
                    [i] AS trace
                FROM range({DAYS * 120}) AS r(i)
            ) WHERE {where}) TO '{path}' (FORMAT {format_})
            """
        )
    return path


EVERYTHING = "* EXCLUDE (trace)"
