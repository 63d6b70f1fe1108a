"""Convert the raw purchase log to the topic's declared schema: ``python data/make.py``.

A purchase happened at midnight UTC of its date. Rows are in time order, in the file's own order within a day.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("purchased_at", pa.timestamp("us", tz="UTC")),
        ("cds", pa.int64()),
        ("amount_usd", pa.float64()),
    ]
)


def main() -> None:
    """Write ``purchases.parquet`` beside this file."""
    with gzip.open(HERE / "cdnow_master.txt.gz", "rt", encoding="ascii") as raw:
        next(raw)
        rows = [line.split() for line in raw if line.strip()]
    rows.sort(key=lambda row: row[1])  # stable: the file's order stays within a day
    table = pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "purchased_at": [datetime.strptime(row[1], "%Y%m%d").replace(tzinfo=UTC) for row in rows],
            "cds": [int(row[2]) for row in rows],
            "amount_usd": [float(row[3]) for row in rows],
        },
        schema=SCHEMA,
    )
    pq.write_table(table, HERE / "purchases.parquet", compression="zstd")


if __name__ == "__main__":
    main()
