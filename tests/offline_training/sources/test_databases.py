"""Rows of databases: files of DuckDB and SQLite, and a PostgreSQL server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from deploy.server_process import free_port
from features.errors import DomainError, UnavailableError
from offline_training.sources import address_of, read_source
from tests.postgres_server import PASSWORD, USER, PostgresServer, needs_postgres, postgres_server

WHERE = "model.yaml: models.m.dataset"


def read(folder: Path, url: str, query: str, password: str = PASSWORD) -> pa.Table:
    address = address_of(f"{WHERE}.url", url, {"PASSWORD": password})
    return read_source(WHERE, address, query, folder, {})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a database of either kind."""
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE sold (code TEXT, eur REAL)")
        connection.execute("INSERT INTO sold VALUES ('007', 1.5), (NULL, NULL)")
    connection.close()
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE sold AS SELECT '007' AS code, [1.5, 2.5] AS eur")
    return tmp_path


def test_database_files_lie_in_the_domain_folder(files: Path) -> None:
    """Relative to it, or anywhere by an absolute path."""
    query = "SELECT code, eur FROM sold"
    for url in ("sqlite:///shop.sqlite", f"sqlite:///{files}/shop.sqlite"):
        assert read(files, url, query).to_pydict() == {"code": ["007", None], "eur": [1.5, None]}
    for url in ("duckdb:///shop.duckdb", f"duckdb:///{files}/shop.duckdb"):
        assert read(files, url, query).to_pydict() == {"code": ["007"], "eur": [[1.5, 2.5]]}


@pytest.mark.parametrize("url", ["sqlite:///shop.sqlite", "duckdb:///shop.duckdb"])
def test_a_query_that_does_not_run_is_refused(files: Path, url: str) -> None:
    """In the database's own words, with its place in the file."""
    with pytest.raises(DomainError, match=f"{WHERE}.query: does not run .*nobody"):
        read(files, url, "SELECT * FROM nobody")


def test_a_colon_in_a_text_of_a_query_is_a_colon(files: Path) -> None:
    """SQLAlchemy would ask for a parameter of that name."""
    table = read(files, "sqlite:///shop.sqlite", """SELECT '{"a":1}' AS note, ' :x' AS x, '10:30' AS at""")
    assert table.to_pylist() == [{"note": '{"a":1}', "x": " :x", "at": "10:30"}]


@pytest.mark.parametrize("url", ["sqlite:///none.db", "duckdb:///none.db"])
def test_a_file_that_is_not_there_is_refused_and_not_made(tmp_path: Path, url: str) -> None:
    """Where SQLite would begin a new one."""
    with pytest.raises(DomainError, match=r"none\.db is not there"):
        read(tmp_path, url, "SELECT 1")
    assert not (tmp_path / "none.db").exists()


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """SQLAlchemy knows more databases than there are drivers here."""
    with pytest.raises(DomainError, match=r"needs a driver \(No module named 'MySQLdb'\)"):
        read(tmp_path, "mysql://me:${PASSWORD}@db/shop", "SELECT 1")


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    """Which may be tried again; the password is told to nobody."""
    url = f"postgresql+pg8000://{USER}:${{PASSWORD}}@127.0.0.1:{free_port()}/postgres"
    with pytest.raises(UnavailableError) as caught:
        read(tmp_path, url, "SELECT 1")
    assert PASSWORD not in str(caught.value)
    assert "${PASSWORD}" in str(caught.value)


@needs_postgres
@pytest.mark.servers
class TestPostgres:
    """The server that most people have."""

    @pytest.fixture(scope="class")
    def server(self) -> Iterator[PostgresServer]:
        with postgres_server() as server:
            yield server

    def url(self, server: PostgresServer) -> str:
        return f"postgresql+pg8000://{USER}:${{PASSWORD}}@{server.address}/postgres"

    def test_rows_are_read_with_their_types(self, server: PostgresServer, tmp_path: Path) -> None:
        """Instants keep their zone, lists their order, null stays null; a colon or a percent sign is no parameter."""
        query = (
            "SELECT CAST(n AS text) AS code, timestamptz '2024-01-01 00:00:00+02' AS event_timestamp, 1.50 AS eur, "
            "NULL::integer AS age, array[0.5, n]::double precision[] AS pixels, n > 1 AS yes "
            "FROM generate_series(1, 2) n WHERE CAST(n AS text) NOT LIKE '%3' ORDER BY n"
        )
        table = read(tmp_path, self.url(server), query)
        assert table["code"].to_pylist() == ["1", "2"]
        assert table["event_timestamp"].cast(pa.timestamp("us", "UTC")).to_pylist()[0].isoformat() == (
            "2023-12-31T22:00:00+00:00"
        )
        assert [float(eur) for eur in table["eur"].to_pylist()] == [1.5, 1.5]
        assert table["age"].null_count == 2
        assert table["pixels"].to_pylist() == [[0.5, 1.0], [0.5, 2.0]]
        assert table["yes"].to_pylist() == [False, True]

    def test_a_wrong_password_and_a_wrong_query_are_told_apart(self, server: PostgresServer, tmp_path: Path) -> None:
        """Neither tells a password."""
        with pytest.raises(UnavailableError, match="password authentication failed") as refused:
            read(tmp_path, self.url(server), "SELECT 1", password="o pen")
        with pytest.raises(DomainError, match="nobody"):
            read(tmp_path, self.url(server), "SELECT * FROM nobody")
        assert "o pen" not in str(refused.value)
