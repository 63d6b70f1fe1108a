"""A domain without events and without a lake, from a table by URL to a model that is served and proven."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from offline_training.training import train
from tests.offline_training.plain_domain import PlainDomain, flowers, plain_domain


@pytest.fixture
def plain(tmp_path: Path) -> PlainDomain:
    made = plain_domain(tmp_path)
    pq.write_table(flowers(), made.domain.repo / "data" / "flowers.parquet")
    return made


def test_a_table_is_trained_on_without_a_lake(plain: PlainDomain, tmp_path: Path) -> None:
    """From the file to a champion; the card names the dataset, and nothing of the lake."""
    settings, uri = plain.settings, f"sqlite:///{tmp_path / 'mlflow.db'}"
    report = train(settings, plain.plan, plain.domain, registry_uri=uri, quick=True)
    assert report.promoted
    assert (report.first_at, report.test_at) == (None, None)
    assert not Path(settings.lake_url("irises")).exists()
