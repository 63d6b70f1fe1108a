"""Rows of an object store that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.server_process import free_port
from features.errors import DomainError, UnavailableError
from offline_training.sources import address_of, read_source
from tests.object_store.server import BUCKET, ObjectStore, needs_object_store, object_store

WHERE = "model.yaml: models.m.dataset"
SECRETS = {"KEY": "reader", "SECRET": "reads/all+of=it"}

pytestmark = [needs_object_store, pytest.mark.servers]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """With two files of a day each, and one in another format."""
    folder = tmp_path_factory.mktemp("store")
    with object_store(folder) as server:
        for day in (1, 2):
            pq.write_table(pa.table({"day": [day], "eur": [day / 4]}), folder / "rows.parquet")
            server.put(folder / "rows.parquet", f"days/d{day}.parquet")
        (folder / "rows.csv").write_text("code\n007\n")
        server.put(folder / "rows.csv", "rows.csv")
        yield server


def read(store: ObjectStore, path: str, query: str | None = None) -> pa.Table:
    url = f"s3://${{KEY}}:${{SECRET}}@{BUCKET}/{path}{store.parameters}"
    return read_source(WHERE, address_of(f"{WHERE}.url", url, SECRETS), query, Path(), {"code": pa.string()})


def test_an_object_a_folder_and_a_pattern_are_read(store: ObjectStore) -> None:
    """As files here are."""
    assert read(store, "days/d2.parquet")["eur"].to_pylist() == [0.5]
    assert read(store, "days")["day"].to_pylist() == [1, 2]
    assert read(store, "days/*.parquet", "SELECT sum(eur) AS eur FROM dataset")["eur"].to_pylist() == [0.75]
    assert read(store, "rows.csv")["code"].to_pylist() == ["007"]


def test_an_object_that_is_not_there_is_refused(store: ObjectStore) -> None:
    """With the address as it is written."""
    with pytest.raises(DomainError, match=r"none\.parquet.* is not there") as caught:
        read(store, "none.parquet")
    assert SECRETS["SECRET"] not in str(caught.value)


def test_a_store_that_does_not_answer_is_unavailable() -> None:
    """Without the secret."""
    url = f"s3://${{KEY}}:${{SECRET}}@{BUCKET}/a.parquet?endpoint_override=127.0.0.1:{free_port()}&scheme=http"
    with pytest.raises(UnavailableError) as caught:
        read_source(WHERE, address_of(f"{WHERE}.url", f"{url}&region=us-east-1", SECRETS), None, Path(), {})
    assert SECRETS["SECRET"] not in str(caught.value)
