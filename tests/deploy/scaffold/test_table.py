"""A domain from a file of events: it compiles, its history is the file, its labels are what they say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.scaffold import Answers, Made, scaffold
from deploy.scaffold.columns import read_events
from features.compiler import compile_plan
from features.domain import load_domain
from features.errors import DomainError
from tests.deploy.scaffold.files import EVERYTHING, write_readings

ENTITY = {"entity": "Machine ID"}


def made_from(file: Path, **said: str) -> Made:
    return scaffold(file.parent / "plant", Answers(dataset_source=str(file), **said), "human")


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file with all kinds of columns."""
    return write_readings(tmp_path_factory.mktemp("readings") / "Plant Readings.parquet")


def labels_of(folder: Path) -> tuple[Any, Mapping[str, Any]]:
    """The observations of the domain over its whole history, and the plan's only model."""
    domain, plan = load_domain(folder), compile_plan(folder)
    (source,) = plan.sources
    subprocess.run([sys.executable, str(folder / "data" / "make.py")], check=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW {source.topic} AS FROM '{domain.data_file(source.topic)}'")
    (end,) = connection.execute(f"SELECT max({source.timestamp_column}) FROM {source.topic}").fetchall()[0]
    (name,) = domain.models
    connection.execute(f"CREATE TABLE observed AS {domain.labels_sql(name)}", {"lake_end": end})
    return connection, {"plan": plan, "domain": domain, "spec": domain.models[name], "end": end}


def test_the_columns_of_a_file_are_the_topics_and_its_numbers_are_features(readings: Path, tmp_path: Path) -> None:
    """Under names that a topic can have; what no topic can carry is told, and so is what is left out."""
    made = scaffold(tmp_path / "plant", Answers(dataset_source=str(readings), target="mode", **ENTITY))
    connection, facts = labels_of(tmp_path / "plant")
    (source,) = facts["plan"].sources
    assert source.topic == "plant_readings"
    assert [(c.name, c.type, c.nullable, c.decimals) for c in source.columns] == [
        ("Machine_ID", "string", False, None),
        ("read_at", "timestamp", False, None),
        ("heat", "float64", False, 1),
        ("value_sent", "int32", False, 0),
        ("alarm", "bool", False, None),
        ("mode", "string", False, None),
        ("shift", "string", False, None),
        ("serial", "int64", False, None),
    ]
    assert "column value is called value_sent" in made.notes
    assert "no topic can carry trace: left out" in made.notes
    assert [note for note in made.notes if note.endswith("they name no entity, or no time")]
    (view,) = facts["plan"].views
    assert {"events_ever", "heat_mean_7d", "value_sent_max_ever", "mode_values_30d", "alarm_true_ever"} <= set(
        view.feature_names
    )
    assert not [name for name in view.feature_names if name.startswith("serial_")]

    history = pq.read_table(tmp_path / "plant" / "data" / "plant_readings.parquet")
    assert history.column_names == [column.name for column in source.columns]
    times = history.column("read_at").to_numpy()
    assert (times[1:] >= times[:-1]).all()
    (kept,) = connection.execute(f"SELECT count(*) FROM '{readings}' WHERE \"Machine ID\" IS NOT NULL").fetchall()[0]
    assert history.num_rows == kept


SILENT = "NOT EXISTS (FROM history h WHERE {ahead})"
ORACLES: dict[str, tuple[dict[str, str], str, str]] = {
    "silence": ({"horizon": "3h"}, "binary", f"CAST({SILENT} AS INTEGER)"),
    "alarm_ahead": (
        {"target": "alarm", "horizon": "1d"},
        "binary",
        "CAST(EXISTS (FROM history h WHERE {ahead} AND alarm) AS INTEGER)",
    ),
    "next_shift": (
        {"target": "shift"},
        "binary",
        "(SELECT CAST(shift = 'night' AS INTEGER) FROM history h WHERE {ahead} ORDER BY read_at, shift LIMIT 1)",
    ),
    "next_mode": (
        {"target": "mode"},
        "multiclass",
        '(SELECT "mode" FROM history h WHERE {ahead} ORDER BY read_at, "mode" LIMIT 1)',
    ),
    "events_ahead": ({"model_type": "regression"}, "regression", "(SELECT count(*) FROM history h WHERE {ahead})"),
    "heat_ahead": (
        {"model_type": "regression", "target": "heat", "horizon": "1d"},
        "regression",
        "(SELECT coalesce(round(sum(heat), 1), 0) FROM history h WHERE {ahead})",
    ),
}


@pytest.mark.parametrize("model", ORACLES)
def test_labels_are_what_happened_in_the_horizon(model: str, readings: Path, tmp_path: Path) -> None:
    """By another query, of every observation that the labels have; everybody who is known is observed each time."""
    said, task, oracle = ORACLES[model]
    made = scaffold(tmp_path / "plant", Answers(dataset_source=str(readings), **{**ENTITY, **said}), "human")
    connection, facts = labels_of(tmp_path / "plant")
    spec = facts["spec"]
    assert (made.model.name, spec.task, spec.approval, spec.approvers) == (model, task, "human", ())
    connection.execute("CREATE VIEW history AS FROM plant_readings")
    ahead = (
        'h."Machine_ID" = o."Machine_ID" AND h.read_at >= o.event_timestamp'
        f" AND h.read_at < o.event_timestamp + to_microseconds({spec.horizon_us})"
    )
    rows = connection.execute(
        f"SELECT label, {oracle.format(ahead=ahead)}, event_timestamp FROM observed o ORDER BY hash(o) LIMIT 400"
    ).fetchall()
    assert len(rows) > 100
    assert all(label == expected for label, expected, _ in rows)
    assert len({label for label, _, _ in rows}) > 1
    (beyond,) = connection.execute(
        f"SELECT count(*) FROM observed WHERE event_timestamp + to_microseconds({spec.horizon_us}) > $end",
        {"end": facts["end"]},
    ).fetchall()[0]
    assert beyond == 0
    (instants,) = connection.execute("SELECT count(DISTINCT event_timestamp) FROM observed").fetchall()[0]
    assert instants > 5
    known = connection.execute("SELECT DISTINCT event_timestamp FROM observed").fetchall()
    assert set(facts["domain"].demo.score_at) <= {at for (at,) in known}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_instants_of_any_unit_and_zone_are_instants(unit: Any, zone: str | None, tmp_path: Path) -> None:
    """Pandas writes nanoseconds: what was not known as an instant would make observations of events."""
    file = write_readings(tmp_path / "readings.parquet")
    table = pq.read_table(file)
    place = table.column_names.index("read at")
    kind: Any = pa.timestamp(unit, zone)
    pq.write_table(table.set_column(place, "read at", table.column(place).cast(kind)), file)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        events = read_events(connection, file)
        assert events.column("read at").type == "timestamp"
        (first,) = connection.execute(f"SELECT min({events.column('read at').read}) FROM given").fetchall()[0]
    assert first == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "said", "problem"),
    [
        (EVERYTHING, {}, "Machine_ID, mode, shift|which is the entity.*say --entity"),
        (EVERYTHING, {"entity": "nobody"}, "has no column nobody; it has Machine_ID"),
        (EVERYTHING, {"entity": "heat"}, "--entity heat: is a double"),
        (EVERYTHING, {**ENTITY, "timestamp": "heat"}, "--timestamp heat: is a double"),
        ("heat, shift", {"entity": "shift"}, "has no column of instants"),
        (EVERYTHING, {**ENTITY, "target": "heat"}, "names no classes"),
        (EVERYTHING, {**ENTITY, "target": "Machine ID"}, "is the entity, or the time"),
        (EVERYTHING, {**ENTITY, "target": "mode", "model_type": "regression"}, "is no number that can be added up"),
        (EVERYTHING, {**ENTITY, "horizon": "100d"}, "too little to predict 100d ahead"),
        (EVERYTHING, {**ENTITY, "horizon": "20d"}, "have one label: there is nothing to learn"),
        ('"Machine ID", "read at", heat, value AS "heat "', ENTITY, "two columns that would be called heat"),
        ('"Machine ID", "read at", \'inf\'::DOUBLE AS heat', ENTITY, "heat: is infinite in places"),
        ('"Machine ID", if(alarm, \'infinity\', "read at") AS "read at"', ENTITY, "read_at: is infinite in places"),
    ],
)
def test_a_file_of_no_use_is_refused_and_nothing_is_made(
    columns: str, said: dict[str, str], problem: str, tmp_path: Path
) -> None:
    """With what to say."""
    file = write_readings(tmp_path / "readings.parquet", columns)
    with pytest.raises(DomainError, match=problem):
        made_from(file, **said)
    assert not (tmp_path / "plant").exists()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """Whatever it is called."""
    file = tmp_path / "readings.parquet"
    file.write_text("not Parquet")
    with pytest.raises(DomainError, match="cannot be read"):
        made_from(file)


def test_names_that_sql_and_yaml_have_for_their_own_end_where_they_should(tmp_path: Path) -> None:
    """A file called as a part of the labels' SQL is, a column that YAML takes for a truth, a class of two lines."""
    columns = """ "Machine ID", "read at", heat AS "off", replace(shift, 'night', chr(10) || 'night') AS shift """
    made = made_from(write_readings(tmp_path / "known.parquet", columns), **ENTITY, target="shift")
    connection, facts = labels_of(tmp_path / "plant")
    (source,) = facts["plan"].sources
    assert (source.topic, source.columns[2].name) == ("events_known", "off_sent")
    assert made.model.decision == ("\nnight", "day")
    assert connection.execute("SELECT count(DISTINCT label) FROM observed").fetchall()[0][0] == 2


def test_names_of_any_kind_end_where_they_should(tmp_path: Path) -> None:
    """A quote, a reserved word, a digit first: in CSV as well."""
    columns = """ "Machine ID" AS "select", "read at" AS "it's ""now\"\"", heat AS "3rd group", shift AS "order" """
    made = made_from(write_readings(tmp_path / "2024.csv", columns), entity="select", target="order")
    connection, facts = labels_of(tmp_path / "plant")
    (source,) = facts["plan"].sources
    assert source.topic == "events_2024"
    assert [column.name for column in source.columns] == ["select", "it_s_now", "c_3rd_group", "order"]
    assert made.model.decision == ("night", "day")
    assert connection.execute("SELECT count(*) FROM observed").fetchall()[0][0] > 100
