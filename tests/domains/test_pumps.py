"""The second domain: another entity, other fields and labels, an integer key, two topics, a request field."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from features.compiler import compile_plan
from features.domain import load_domain

PUMPS = Path(__file__).resolve().parent / "pumps"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The domain with its data made."""
    folder = tmp_path_factory.mktemp("pumps") / "pumps"
    shutil.copytree(PUMPS, folder, ignore=shutil.ignore_patterns("*.parquet", "__pycache__", "registry.db"))
    subprocess.run([sys.executable, str(folder / "data" / "make.py")], check=True)
    return folder


def test_it_differs_from_the_default_domain_where_engines_break(repo: Path) -> None:
    """Integer key, nullable column, min and max, a ttl, declared hops, defaults for missing values."""
    plan, domain = compile_plan(repo), load_domain(repo)
    condition, record = plan.views
    assert {key.type for view in plan.views for key in view.keys} == {"int64"}
    assert {condition.topic, record.topic} == {source.topic for source in plan.sources}
    assert plan.source(condition.topic).column("pressure_bar").nullable
    assert {"min", "max", "mean", "p90", "std", "ewma", "seconds_since_last"} <= {
        f.function for f in condition.features
    }
    assert "count_distinct" in {feature.function for feature in record.features}
    assert condition.ttl_us > 0 == record.ttl_us
    assert any(p.view is None for feature in plan.request_features for p in feature.parameters)
    (model,) = domain.models.values()
    assert {type(remedy) for remedy in model.missing.features.values()} == {float}


def test_its_data_are_the_same_at_each_making(repo: Path) -> None:
    """Two runs give the same events, in time order, in the declared columns."""
    plan, domain = compile_plan(repo), load_domain(repo)
    before = {source.topic: pq.read_table(domain.data_file(source.topic)) for source in plan.sources}
    subprocess.run([sys.executable, str(repo / "data" / "make.py")], check=True)
    for source in plan.sources:
        table = pq.read_table(domain.data_file(source.topic))
        assert table.equals(before[source.topic])
        assert table.column_names == [column.name for column in source.columns]
        times = table.column(source.timestamp_column).to_numpy()
        assert (times[1:] >= times[:-1]).all()
        assert all(table.column(column.name).null_count == 0 for column in source.columns if not column.nullable)
    assert before["pump_readings"].column("pressure_bar").null_count > 0


def test_its_labels_end_inside_the_lake_and_meet_the_demo(repo: Path) -> None:
    """Both outcomes occur at each instant of the demo; nothing is labelled that could not be known."""
    domain = load_domain(repo)
    (name,) = domain.models
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for topic in ("pump_readings", "pump_failures"):
            connection.execute(f"CREATE VIEW {topic} AS SELECT * FROM '{domain.data_file(topic)}'")
        (end,) = connection.execute("SELECT max(measured_at) FROM pump_readings").fetchall()[0]
        labels = connection.sql(domain.labels_sql(name), params={"lake_end": end}).to_arrow_table().to_pylist()
        asked = [connection.execute(str(domain.demo.rows), {"as_of": at}).fetchall() for at in domain.demo.score_at]
        silent = connection.execute(
            "SELECT count(*) FROM (SELECT max(measured_at) AS heard FROM pump_readings WHERE measured_at < $at"
            " GROUP BY pump_id) WHERE heard < $at - INTERVAL 2 DAY AND heard >= $at - INTERVAL 4 DAY",
            {"at": domain.demo.score_at[-1]},
        ).fetchall()[0][0]
    assert {row["planned_load_percent"] for row in labels} == {40.0, 90.0}
    assert all((end - row["event_timestamp"]).total_seconds() >= 86_400 for row in labels)
    for instant in domain.demo.score_at:
        assert {row["label"] for row in labels if row["event_timestamp"] == instant} == {0, 1}
    assert all(140 < len(rows) <= 160 for rows in asked)
    assert silent > 0
