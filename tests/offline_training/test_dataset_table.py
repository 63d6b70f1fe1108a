"""Observations of a dataset: the columns that a model needs, as they are declared, in an order of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.domain import load_domain
from features.errors import DomainError
from features.lake import open_lake
from features.plan_shelf import functions_of
from offline_training.dataset import Dataset, build_dataset
from offline_training.label_query import label_query
from offline_training.split import split_by_time
from tests.offline_training.plain_domain import NOTES, PlainDomain, flowers, plain_domain
from tests.offline_training.small_domain import GROUPED, SmallDomain, small_domain

LAKE_END_US = 1_712_707_200_000_000  # 2024-04-10, up to which `small_domain` has jobs
HALLS = {"evaluation": {"segments": ["hall"]}}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> PlainDomain:
    return plain_domain(tmp_path_factory.mktemp("plain"), evaluation={"segments": ["garden"]})


def built(plain: PlainDomain, table: pa.Table) -> Dataset:
    """The training set that a table makes."""
    pq.write_table(table, plain.domain.repo / "data" / "flowers.parquet")
    functions = functions_of(plain.plan, plain.settings.state_dir("irises"))
    lake = open_lake(plain.settings.lake_url("irises"))
    return build_dataset(lake, plain.plan, plain.domain, "species", functions)


def test_a_list_stands_for_numbered_fields_and_others_are_computed(plain: PlainDomain) -> None:
    """Texts go into functions, null is what was not supplied, a column beside tells rows apart."""
    data = built(plain, flowers())
    assert data.names == (*(f"measured:measures_{i}" for i in range(4)), "seen:petal_cm2", "seen:note_letters")
    assert len(data.rows) == 150
    assert data.keys == {}
    assert not data.timed
    np.testing.assert_array_equal(data.rows[:, 4], data.rows[:, 2] * data.rows[:, 3])
    letters = [np.nan if note is None else len(note) for note in NOTES]
    assert set(np.unique(data.rows[:, 5])) - set(letters) <= {np.nan} or np.isnan(np.unique(data.rows[:, 5])[-1])
    assert set(data.column("segments", "garden")) == {"north", "south"}
    assert len(np.unique(data.beside.units)) == 150  # type: ignore[union-attr]
    assert (data.first_at, data.last_at) == (None, None)
    assert data.table().column_names == [*data.names, "label"]


def test_rows_are_drawn_by_what_they_hold(plain: PlainDomain) -> None:
    """In whatever order they come, beside whatever other rows, and equal ones on one side."""
    table = flowers()
    whole = built(plain, table)
    shuffled = built(plain, table.take(np.random.default_rng(1).permutation(len(table))))
    assert whole.fingerprint == shuffled.fingerprint
    assert whole.origin == shuffled.origin
    half = built(plain, table.slice(0, 75))
    places = {row.tobytes(): at for row, at in zip(whole.rows, whole.at_us, strict=True)}
    assert all(places[row.tobytes()] == at for row, at in zip(half.rows, half.at_us, strict=True))
    assert half.origin != whole.origin
    twice = built(plain, pa.concat_tables([table, table]))
    split = split_by_time(twice.at_us, gap_us=0, span_us=300_000)
    sides = [{row.tobytes() for row in twice.rows[side]} for side in (split.earlier, split.later)]
    assert sides[0].isdisjoint(sides[1])
    assert len(split.earlier) + len(split.later) == 300
    assert 60 <= len(split.later) <= 130


def _replaced(name: str, column: Any) -> pa.Table:
    table = flowers()
    return table.set_column(table.column_names.index(name), name, column)


def test_rows_with_instants_are_in_order_of_time(tmp_path: Path) -> None:
    """A service without views may know when; its dates are told, and it needs no lake for them."""
    plain = plain_domain(tmp_path, split={"test_span": "30d"}, horizon="1d")
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=(7 * i) % 150) for i in range(150)]
    data = built(plain, flowers().append_column("event_timestamp", pa.array(days, pa.timestamp("ms", "Europe/Berlin"))))
    assert (data.timed, data.first_at, data.last_at) == (True, min(days), max(days))
    assert data.at_us.tolist() == sorted(int(day.timestamp()) * 1_000_000 for day in days)
    assert data.table().column_names[0] == "event_timestamp"


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float64(), 4)])
def test_lists_of_any_kind_stand_for_fields(plain: PlainDomain, kind: pa.DataType) -> None:
    """A null among their elements is a field that was not supplied."""
    lists = [[1.5, None, 2.5, float(i)] for i in range(150)]
    data = built(plain, _replaced("measures", pa.array(lists, kind)))
    assert set(data.rows[:, 0]) == {1.5}
    assert np.isnan(data.rows[:, 1]).all()
    assert sorted(data.rows[:, 3]) == [float(i) for i in range(150)]


WRONG: dict[str, tuple[pa.Table, str]] = {
    "no column": (flowers().drop_columns(["note"]), "has no column note; it has measures, garden, label"),
    "no list": (flowers().drop_columns(["measures"]), "has no column measures_0"),
    "a short list": (_replaced("measures", pa.array([[1.0]] * 150)), "has 1 elements, and number 1 is asked for"),
    "uneven lists": (_replaced("measures", pa.array([[1.0] * (4 + i % 2) for i in range(150)])), "different lengths"),
    "lists of texts": (_replaced("measures", pa.array([["a"] * 4] * 150)), "measures_0: is no float64 but string"),
    "a number for a text": (_replaced("note", pa.array([7] * 150)), "note: is no string but int64"),
    "a null label": (_replaced("label", pa.array([None, *["setosa"] * 149])), "label: is null in 1 rows"),
    "no class": (_replaced("label", pa.array(["rose"] * 150)), "names what is no class"),
    "a label of lists": (_replaced("label", pa.array([["setosa"]] * 150)), "label: is list"),
    "a label beyond all numbers": (_replaced("label", pa.array([2**64 - 1] * 150, pa.uint64())), "does not fit int64"),
    "no rows": (flowers().slice(0, 0), "yields no observation"),
    "instants": (
        flowers().append_column("event_timestamp", pa.array([0] * 150, pa.timestamp("us", "UTC"))),
        "event_timestamp: stands in rows that are not split by time",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_table_that_is_none_of_the_models_is_refused(plain: PlainDomain, wrong: str) -> None:
    """With the model's place in the file, and what there is instead."""
    table, problem = WRONG[wrong]
    with pytest.raises(DomainError, match=problem) as caught:
        built(plain, table)
    assert "model.yaml: models.species.dataset" in str(caught.value)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallDomain, pa.Table]:
    """A domain with events, and the rows of its labels."""
    small = small_domain(tmp_path_factory.mktemp("asked"), labels=GROUPED, **HALLS)
    lake = open_lake(small.settings.lake_url("machines"))
    with lake.sql(small.plan.sources) as connection:
        return small, label_query(small.plan, small.domain, "standstill", LAKE_END_US).run(connection)


def with_views(small: SmallDomain, folder: Path, table: pa.Table | None = None) -> Dataset:
    """The training set of its labels; or of these rows, as a dataset."""
    domain = small.domain
    if table is not None:
        pq.write_table(table, folder / "rows.parquet")
        text = (domain.repo / "model.yaml").read_text()
        assert "horizon: 10d" in text
        repo = folder / "repo"
        repo.mkdir()
        for name in ("feature_store.yaml", "transforms.py"):
            (repo / name).write_text((domain.repo / name).read_text())
        (repo / "model.yaml").write_text(
            text.replace("horizon: 10d", f"horizon: 10d\n    dataset: {{url: {folder}/rows.parquet}}")
        )
        domain = load_domain(repo)
    functions = functions_of(small.plan, small.settings.state_dir("machines"))
    return build_dataset(open_lake(small.settings.lake_url("machines")), small.plan, domain, "standstill", functions)


def test_features_of_views_are_those_as_of_each_row(asked: tuple[SmallDomain, pa.Table], tmp_path: Path) -> None:
    """A table with the rows of labels.sql makes the training set of labels.sql, to the bit."""
    small, table = asked
    ours, theirs = with_views(small, tmp_path, table), with_views(small, tmp_path)
    assert ours.timed
    assert ours.origin is not None
    assert theirs.origin is None
    order = [np.lexsort((data.keys["machine"].to_numpy(zero_copy_only=False), data.at_us)) for data in (ours, theirs)]
    for one, other in ((ours.rows, theirs.rows), (ours.labels, theirs.labels), (ours.at_us, theirs.at_us)):
        assert one[order[0]].tobytes() == other[order[1]].tobytes()
    assert len(ours.rows) > 500


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (lambda at: pc.add(at, pa.scalar(10**13, pa.duration("us"))), "rows after the lake's end"),
        (lambda at: at.cast(pa.timestamp("us")), r"event_timestamp: is no timestamp but timestamp\[us\]"),
        (lambda at: pc.if_else(pc.equal(at, at[0]), None, at), "event_timestamp: is null"),
    ],
)
def test_instants_that_are_none_are_refused(
    asked: tuple[SmallDomain, pa.Table], tmp_path: Path, alter: Any, problem: str
) -> None:
    """Without a zone, unknown, or when the lake has no events yet."""
    small, table = asked
    at = table.column_names.index("event_timestamp")
    with pytest.raises(DomainError, match=problem):
        with_views(small, tmp_path, table.set_column(at, "event_timestamp", alter(table["event_timestamp"])))
