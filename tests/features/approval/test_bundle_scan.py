"""The security scan: a bundle is its files and no others, bounded, and nothing in it would be unpickled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.approval import bundle_scan
from features.approval.bundle_scan import scan_bundle
from features.bundle import EXPLAIN, GOLDEN, MODEL_CARD, REFERENCE, Bundle, read_bundle, write_manifest
from tests.grpc_api.shop import write_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """One that may serve."""
    return write_bundle(tmp_path / "bundle")


def sealed_with(bundle: Bundle, name: str, content: bytes) -> list[str]:
    """What is wrong once a file was replaced and the manifest made anew: digests alone say nothing."""
    bundle.file(name).write_bytes(content)
    return scan_bundle(write_manifest(bundle.path, bundle.manifest))


def test_nothing_is_wrong_with_a_bundle_of_ours(bundle: Bundle) -> None:
    """The scan finds nothing."""
    assert scan_bundle(bundle) == []


def test_a_file_that_does_not_belong_there_is_found(bundle: Bundle) -> None:
    """Beside the manifest, a folder, or a link out of it."""
    (bundle.path / "model.pkl").write_bytes(b"\x80\x04K\x01.")
    (bundle.path / "deeper").mkdir()
    assert scan_bundle(bundle) == ["deeper does not belong into a bundle", "model.pkl does not belong into a bundle"]


def test_a_link_is_no_file(bundle: Bundle, tmp_path: Path) -> None:
    """Its target may change after the scan."""
    elsewhere = tmp_path / "elsewhere"
    bundle.file(GOLDEN).rename(elsewhere)
    bundle.file(GOLDEN).symlink_to(elsewhere)
    assert scan_bundle(read_bundle(bundle.path)) == [f"{GOLDEN} is no plain file"]


def test_a_file_that_is_too_large_is_found(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is read."""
    monkeypatch.setitem(bundle_scan.MOST_BYTES, MODEL_CARD, 4)
    assert scan_bundle(bundle) == [f"{MODEL_CARD} is larger than 0 MiB"]


def test_pickled_arrays_are_found(bundle: Bundle) -> None:
    """Whoever allowed pickle would run them."""
    with bundle.file(EXPLAIN).open("wb") as file:
        np.savez(file, plain=np.ones(3), hidden=np.array([{"a": 1}], dtype=object))
    assert scan_bundle(write_manifest(bundle.path, bundle.manifest)) == [
        f"{EXPLAIN} holds pickled objects (hidden.npy)"
    ]


def test_arrays_that_unpack_to_too_much_are_found(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small they are packed."""
    with bundle.file(EXPLAIN).open("wb") as file:
        np.savez_compressed(file, zeros=np.zeros(1_000_000))
    monkeypatch.setitem(bundle_scan.MOST_BYTES, EXPLAIN, 2**20)
    assert scan_bundle(write_manifest(bundle.path, bundle.manifest)) == [f"{EXPLAIN} unpacks to more than 1 MiB"]


def test_a_table_that_unpacks_to_too_much_is_found(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of one value takes hardly a byte of the file, and eight a row in memory."""
    pq.write_table(pa.table({"same": pa.array(np.zeros(1_000_000))}), bundle.file(REFERENCE))
    monkeypatch.setitem(bundle_scan.MOST_BYTES, REFERENCE, 2**20)
    assert scan_bundle(write_manifest(bundle.path, bundle.manifest)) == [f"{REFERENCE} unpacks to more than 1 MiB"]


def test_a_column_of_an_extension_type_is_found(bundle: Bundle, tmp_path: Path) -> None:
    """The name of such a type has had code loaded by readers of the past."""
    field = pa.field("row", pa.float64(), metadata={"ARROW:extension:name": "arrow.py_extension_type"})
    pq.write_table(pa.table([pa.array([1.0])], schema=pa.schema([field])), tmp_path / "table")
    assert sealed_with(bundle, REFERENCE, (tmp_path / "table").read_bytes()) == [
        f"{REFERENCE} has a column of an extension type (row)"
    ]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (EXPLAIN, "is no archive"),
        (GOLDEN, "is no Parquet"),
        (REFERENCE, "is no Parquet"),
        (MODEL_CARD, "is no text"),
    ],
)
def test_a_file_of_another_kind_is_found(bundle: Bundle, name: str, fault: str) -> None:
    """A pickle under the name of each."""
    (found,) = sealed_with(bundle, name, b"\x80\x04K\x01.")
    assert found.startswith(f"{name} {fault}")
