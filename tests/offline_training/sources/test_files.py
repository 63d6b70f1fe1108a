"""Rows of files: one, a folder of them, those of a pattern; by SQL or as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DomainError
from offline_training.sources import address_of, read_source

WHERE = "model.yaml: models.m.dataset"
TYPES = {"code": pa.string(), "at": pa.timestamp("us", "UTC"), "size": pa.float64()}
CSV = 'code,at,size,n\n007,2024-01-01T00:00:00Z,1,5\n"",2024-01-01T02:00:00+02:00,,6\n,2024-01-02T00:00:00Z,2.5,7\n'


def read(folder: Path, url: str, query: str | None = None) -> pa.Table:
    return read_source(WHERE, address_of(f"{WHERE}.url", url), query, folder, TYPES)


def test_a_text_file_is_read_as_declared(tmp_path: Path) -> None:
    """Digits stay a text where a text is declared; an empty field is null, a quoted one an empty text."""
    (tmp_path / "rows.csv").write_text(CSV)
    table = read(tmp_path, "rows.csv")
    assert table["code"].to_pylist() == ["007", "", None]
    assert table["size"].to_pylist() == [1.0, None, 2.5]
    assert table["at"].to_pylist()[:2] == [datetime(2024, 1, 1, tzinfo=UTC)] * 2
    assert table["n"].to_pylist() == [5, 6, 7]


def test_a_folder_and_a_pattern_mean_all_their_files(tmp_path: Path) -> None:
    """Whatever else lies there, and in order of their names."""
    for day in (2, 1, 3):
        (tmp_path / "days" / f"d{day}").mkdir(parents=True)
        pq.write_table(pa.table({"day": [day]}), tmp_path / "days" / f"d{day}" / "rows.parquet")
    (tmp_path / "days" / "README.md").write_text("of days")
    assert read(tmp_path, "days")["day"].to_pylist() == [1, 2, 3]
    assert read(tmp_path, f"file://{tmp_path}/days/*1/*.parquet")["day"].to_pylist() == [1]


def test_sql_chooses_rows_and_names(tmp_path: Path) -> None:
    """In DuckDB's words, over the files as one view."""
    (tmp_path / "rows.csv").write_text(CSV)
    table = read(tmp_path, "rows.csv", 'SELECT n AS label, "at" FROM dataset WHERE n > 5 ORDER BY n')
    assert table["label"].to_pylist() == [6, 7]
    assert str(table["at"].type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize(
    ("url", "query", "problem"),
    [
        ("nothing.csv", None, "nothing.csv is not there, or holds no file"),
        ("empty", None, "empty is not there, or holds no file"),
        ("rows.txt", None, "holds .txt files"),
        ("mixed", None, "holds .csv and .parquet files"),
        ("unlike", None, "b.csv and .*a.csv do not both have a column size"),
        ("", None, "is empty"),
        ("false.parquet", None, "is no table"),
        ("wrong.csv", None, "is no table, or no address .*CSV conversion error to double"),
        ("rows.csv", "SELECT * FROM elsewhere", "query: does not run .*elsewhere"),
        ("rows.csv", "-- nothing is asked", "query: gives no rows"),
        ("ftp://host/rows.csv", None, "is of no kind that is known"),
        ("postgresql+pg8000://me@host:54a2/shop", "SELECT 1", "is of no kind that is known"),
        (
            "postgresql+pg8000://me@127.0.0.1:1/shop?shape=round",
            "SELECT 1",
            "a parameter that its driver does not know",
        ),
        ("duckdb:///rows.db", None, "is a database, and there is no query"),
        ("sqlite:///rows.csv", None, "is a database, and there is no query"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, url: str, query: str | None, problem: str) -> None:
    """With its place in the file, and what there is."""
    (tmp_path / "rows.csv").write_text(CSV)
    (tmp_path / "rows.txt").write_text(CSV)
    (tmp_path / "wrong.csv").write_text("size\nbig\n")
    (tmp_path / "false.parquet").write_text("PAR1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "unlike").mkdir()
    (tmp_path / "unlike" / "a.csv").write_text("day,size\n1,2\n")
    (tmp_path / "unlike" / "b.csv").write_text("day\n1\n")
    for name in ("a.csv", "b.parquet"):
        (tmp_path / "mixed" / name).write_text(CSV)
    with pytest.raises(DomainError, match=problem) as caught:
        read(tmp_path, url, query)
    assert str(caught.value).startswith(WHERE)
