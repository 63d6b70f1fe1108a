"""The default domain against figures that were computed outside the project."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.domain import load_domain

REPO = Path(__file__).resolve().parents[2] / "feature_repo"


def labels(until: str) -> list[tuple[datetime, int, float]]:
    """(observed at, observations, share of churned) with a lake that holds the purchases before that day."""
    domain = load_domain(REPO)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE VIEW purchases AS SELECT * FROM '{domain.data_file('purchases')}' WHERE purchased_at < '{until}'"
        )
        (end,) = connection.execute("SELECT max(purchased_at) FROM purchases").fetchall()[0]
        sql = f"SELECT event_timestamp, count(*), avg(label) FROM ({domain.labels_sql('churn')}) GROUP BY 1 ORDER BY 1"
        return connection.execute(sql, {"lake_end": end}).fetchall()


def test_the_committed_history_is_what_its_converter_makes(tmp_path: Path) -> None:
    """69,659 purchases of 23,570 customers, in time order, in the log's order within a day."""
    for name in ("make.py", "cdnow_master.txt.gz"):
        (tmp_path / name).write_bytes((REPO / "data" / name).read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "make.py")], check=True)
    made, committed = (pq.read_table(folder / "purchases.parquet") for folder in (tmp_path, REPO / "data"))
    assert made.equals(committed)
    assert made.num_rows == 69_659
    assert len(made.column("customer_id").unique()) == 23_570
    assert made.column("purchased_at").type == pa.timestamp("us", tz="UTC")
    assert made.sort_by([("purchased_at", "ascending"), ("customer_id", "ascending")]).equals(made)


def test_the_labels_agree_with_known_figures() -> None:
    """306,410 observations at 13 dates; the shares that SQL outside the project gave."""
    by_date = {at: (rows, share) for at, rows, share in labels("1999-01-01")}
    assert len(by_date) == 13
    assert sum(rows for rows, _ in by_date.values()) == 306_410
    for date, share in (((1997, 4, 1), 0.7731), ((1997, 9, 28), 0.8214), ((1998, 3, 27), 0.8569)):
        assert by_date[datetime(*date, tzinfo=UTC)] == (23_570, pytest.approx(share, abs=5e-5))


def test_a_lake_of_one_year_labels_seven_dates() -> None:
    """An observation whose 90 days pass the lake's end is left out."""
    dates = [at for at, _, _ in labels("1998-01-01")]
    assert (dates[0], dates[-1], len(dates)) == (
        datetime(1997, 4, 1, tzinfo=UTC),
        datetime(1997, 9, 28, tzinfo=UTC),
        7,
    )
