"""What was sent and where the broker put it: the truth that a run is judged by, and the engine has no part in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.faults.payments import Payment

ROWS_A_FILE: Final = 200_000
FIELDS: Final[tuple[tuple[str, pa.DataType], ...]] = (
    ("log", pa.string()),
    ("partition", pa.int32()),
    ("offset", pa.int64()),
    ("account", pa.int32()),
    ("paid_us", pa.int64()),
    ("cents", pa.int64()),
    ("units", pa.int64()),
    ("reason", pa.string()),
)
SCHEMA: Final = pa.schema(FIELDS)


class Sent:
    """Every record that the broker has acknowledged, kept in Parquet files below ``folder``.

    One thread enters records; others may look at the counts meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[tuple[object, ...]] = []
        self._n_files = 0
        self.n = 0
        self.ends: dict[tuple[str, int], int] = {}
        """Next offset by (log, partition)."""
        folder.mkdir(parents=True)

    def add(self, payment: Payment, log: str, partition: int, offset: int) -> None:
        """Enter an acknowledged record."""
        self._rows.append((log, partition, offset, *payment[2:]))
        self.n += 1
        self.ends[log, partition] = max(offset + 1, self.ends.get((log, partition), 0))
        if len(self._rows) >= ROWS_A_FILE:
            self.save()

    def save(self) -> None:
        """Write what is still in memory."""
        rows, self._rows = self._rows, []
        if rows:
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
            ]
            pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), self._folder / f"{self._n_files:06d}.parquet")
            self._n_files += 1

    @property
    def files(self) -> str:
        """All files, as DuckDB names them."""
        return str(self._folder / "*.parquet")
