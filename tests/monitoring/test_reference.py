"""References and where they are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import BundleCorruptError
from monitoring.reference import read_reference
from monitoring.reference_shelf import ReferenceShelf
from tests.monitoring.scores import FEATURES, MODEL, NAMES, draw, write_bundle


def test_a_reference_has_the_features_in_order_and_then_the_score(tmp_path: Path) -> None:
    """Raw scores are left out, nulls are NaN, all rows are there."""
    rows = draw(np.random.default_rng(0), 500)
    reference = read_reference(write_bundle(tmp_path, rows))
    assert reference.names == NAMES
    assert reference.features == FEATURES
    assert np.array_equal(np.sort(reference.rows, axis=0), np.sort(rows, axis=0), equal_nan=True)


def test_rows_come_in_random_order_and_always_the_same(tmp_path: Path) -> None:
    """A file in the order of time is no drift of its own."""
    path = tmp_path / "reference.parquet"
    pq.write_table(pa.table({"v:a": np.arange(1_000.0), "raw_score": np.zeros(1_000), "score": np.zeros(1_000)}), path)
    first, second = read_reference(path).rows, read_reference(path).rows
    assert np.array_equal(first, second)
    assert abs(np.corrcoef(first[:, 0], np.arange(1_000))[0, 1]) < 0.1


def test_integers_and_nulls_are_read_as_floats(tmp_path: Path) -> None:
    """A count column may be stored as it was computed."""
    path = tmp_path / "reference.parquet"
    pq.write_table(pa.table({"v:n": pa.array([1, None, 3], pa.int64()), "score": [0.1, 0.2, 0.3]}), path)
    assert sorted(read_reference(path).known(0)) == [1.0, 3.0]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"v:a": [1.0]}),
        pa.table({"score": [1.0]}),
        pa.table({"v:a": pa.array([], pa.float64()), "score": pa.array([], pa.float64())}),
    ],
    ids=["no score", "no features", "no rows"],
)
def test_what_is_no_reference_is_refused(tmp_path: Path, table: pa.Table) -> None:
    """A bundle without the means to watch it is corrupt."""
    pq.write_table(table, tmp_path / "reference.parquet")
    with pytest.raises(BundleCorruptError, match="reference sample"):
        read_reference(tmp_path / "reference.parquet")


def test_bytes_that_are_no_parquet_are_refused(tmp_path: Path) -> None:
    """As is a file that is not what its name says."""
    (tmp_path / "reference.parquet").write_bytes(b"PAR?")
    with pytest.raises(BundleCorruptError, match="does not read"):
        read_reference(tmp_path / "reference.parquet")


def test_each_version_has_its_own_reference(tmp_path: Path) -> None:
    """Records of a version are measured against what that version was trained on, champion or not."""
    rng = np.random.default_rng(0)
    write_bundle(tmp_path, draw(rng, 100), version="1", champion=False)
    write_bundle(tmp_path, draw(rng, 200), version="2")
    shelf = ReferenceShelf(tmp_path)
    found = [shelf.find(MODEL, version) for version in ("1", "2", "3")]
    assert [reference and len(reference.rows) for reference in found] == [100, 200, None]
    assert [serving.version for serving in shelf.serving(MODEL)] == ["2"]


def test_the_pointer_says_where_the_champion_is(tmp_path: Path) -> None:
    """A champion's folder need not be named after its version."""
    write_bundle(tmp_path, draw(np.random.default_rng(0), 100), version="1")
    pointer = tmp_path / MODEL / "champion.json"
    (tmp_path / MODEL / "1").rename(tmp_path / MODEL / "bundle-a")
    pointer.write_bytes(pointer.read_bytes().replace(b'"path":"1"', b'"path":"bundle-a"'))
    assert ReferenceShelf(tmp_path).find(MODEL, "1") is not None


def test_a_pointer_that_does_not_read_is_corrupt(tmp_path: Path) -> None:
    """It is written atomically: half a pointer is someone's mistake."""
    (tmp_path / MODEL).mkdir()
    (tmp_path / MODEL / "champion.json").write_text("{")
    with pytest.raises(BundleCorruptError, match="not a pointer"):
        ReferenceShelf(tmp_path).serving(MODEL)


@pytest.mark.parametrize("name", ["..", ".", "", "../churn", "/etc", "nothing"])
def test_names_that_lead_elsewhere_find_nothing(tmp_path: Path, name: str) -> None:
    """A record is anyone's text: it names no path outside the models."""
    write_bundle(tmp_path / "models", draw(np.random.default_rng(0), 100))
    write_bundle(tmp_path, draw(np.random.default_rng(0), 100))
    shelf = ReferenceShelf(tmp_path / "models")
    assert (shelf.find(name, "1"), shelf.serving(name)) == (None, [])
    assert shelf.find(MODEL, f"../../{MODEL}/1") is None
