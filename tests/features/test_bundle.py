"""The model bundle: opened only when every file is what the manifest says."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.bundle import (
    FILES,
    GOLDEN,
    MANIFEST,
    MODEL,
    Bundle,
    Manifest,
    TrainingWindow,
    read_bundle,
    write_manifest,
)
from features.errors import BundleCorruptError, PlanMismatchError
from features.golden import GoldenRows, first_difference, read_golden, write_golden
from features.head import Decision, Head
from features.plan import EntityKeyPlan, FeatureRef, Plan, ServicePlan, ViewPlan
from features.vector import MissingPolicy

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
VIEW = ViewPlan(
    name="v", topic="t", keys=(EntityKeyPlan(name="k", type="string"),), features=(), ttl_us=0, hash="aaaaaaaaaaaaaaaa"
)
PLAN = Plan(
    project="p",
    sources=(),
    views=(VIEW,),
    request_features=(),
    services=(ServicePlan(name="s", features=tuple(FeatureRef(view="v", feature=f, kind="stream") for f in "xy")),),
    transforms_sha256="bbbb",
)
ROWS = GoldenRows(np.array([[1.0, np.nan], [-0.0, np.inf], [5e-324, 0.0]]), np.array([[0.25], [-0.0], [1e300]]))


def manifest() -> Manifest:
    return Manifest(
        model="m",
        task="binary",
        project="p",
        service="s",
        created_at=NOON,
        plan_hash=PLAN.hash,
        view_hashes={"v": VIEW.hash},
        transforms_sha256="bbbb",
        features=("v:x", "v:y"),
        missing=MissingPolicy(default="fail", features={"v:x": 0.0}),
        decision=Decision(thresholds=(0.5,), names=("no", "yes")),
        window=TrainingWindow(first_at=NOON, last_at=NOON, rows=3, positives=1),
        data_fingerprint="f",
        metrics={"roc_auc": 0.7},
        code_version="0.1.0",
        files={},
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A sealed bundle."""
    for name in FILES:
        (tmp_path / name).write_bytes(name.encode())
    write_golden(tmp_path / GOLDEN, ("v:x", "v:y"), ROWS)
    return write_manifest(tmp_path, manifest())


def test_a_sealed_bundle_reads_back(bundle: Bundle) -> None:
    """What was sealed is what is read, addressed by the digest of its manifest."""
    again = read_bundle(bundle.path)
    assert again == bundle
    assert again.digest == hashlib.sha256((bundle.path / MANIFEST).read_bytes()).hexdigest()
    assert msgspec.structs.replace(again.manifest, files={}) == manifest()
    assert set(again.manifest.files) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_one_altered_bit_is_found(bundle: Bundle, name: str) -> None:
    """A file with one bit flipped is refused, by name."""
    data = bytearray(bundle.file(name).read_bytes())
    data[len(data) // 2] ^= 1
    bundle.file(name).write_bytes(data)
    with pytest.raises(BundleCorruptError, match=name):
        read_bundle(bundle.path)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_found(bundle: Bundle, name: str) -> None:
    """A bundle is whole or refused."""
    bundle.file(name).unlink()
    with pytest.raises(BundleCorruptError, match=name):
        read_bundle(bundle.path)


def _rewrite(bundle: Bundle, **change: object) -> None:
    content = msgspec.json.decode(bundle.file(MANIFEST).read_bytes())
    bundle.file(MANIFEST).write_bytes(msgspec.json.encode(content | change))


def test_a_manifest_that_leaves_its_folder_is_refused(bundle: Bundle) -> None:
    """A downloaded manifest may name plain files only."""
    _rewrite(bundle, files=bundle.manifest.files | {"../elsewhere": "0" * 64})
    with pytest.raises(BundleCorruptError, match="not a plain file name"):
        read_bundle(bundle.path)


def test_a_manifest_that_forgets_a_file_is_refused(bundle: Bundle) -> None:
    """Every part of a bundle is vouched for."""
    _rewrite(bundle, files={n: d for n, d in bundle.manifest.files.items() if n != MODEL})
    with pytest.raises(BundleCorruptError, match=r"does not name model\.onnx"):
        read_bundle(bundle.path)


def test_what_is_no_manifest_is_refused(bundle: Bundle) -> None:
    """A manifest of another format is not guessed at."""
    _rewrite(bundle, format=2)
    with pytest.raises(BundleCorruptError, match="not a manifest"):
        read_bundle(bundle.path)


def test_sealing_an_unfinished_folder_fails(tmp_path: Path) -> None:
    """A folder without all its files does not become a bundle."""
    with pytest.raises(BundleCorruptError, match="cannot be read"):
        write_manifest(tmp_path, manifest())


def test_a_head_that_does_not_fit_the_task_is_refused(bundle: Bundle) -> None:
    """As is a decision that is none."""
    _rewrite(bundle, task="multiclass")
    with pytest.raises(BundleCorruptError, match="multiclass model has the link softmax or identity"):
        read_bundle(bundle.path)
    _rewrite(bundle, decision={"thresholds": [0.5], "names": ["yes"]})
    with pytest.raises(BundleCorruptError, match="names must differ"):
        read_bundle(bundle.path)


def test_golden_rows_of_classes_have_a_column_each(tmp_path: Path) -> None:
    """In the manifest's order, and under the classes' names."""
    for name in FILES:
        (tmp_path / name).write_bytes(name.encode())
    rows = GoldenRows(ROWS.features, np.arange(9.0).reshape(3, 3))
    write_golden(tmp_path / GOLDEN, ("v:x", "v:y"), rows, ("a", "b", "c"))
    many = msgspec.structs.replace(
        manifest(), task="multiclass", link="softmax", classes=("a", "b", "c"), decision=None
    )
    bundle = write_manifest(tmp_path, many)

    assert pq.read_schema(bundle.file(GOLDEN)).names[2:] == ["raw_score:a", "raw_score:b", "raw_score:c"]
    assert read_golden(bundle).raw_scores.tolist() == rows.raw_scores.tolist()
    assert bundle.manifest.head == Head("softmax", ("a", "b", "c"))


def test_its_own_plan_is_accepted() -> None:
    """A plan that differs only in what the model does not read is accepted."""
    manifest().require_plan(PLAN, applied_at=NOON)
    other = ViewPlan(name="w", topic="t", keys=VIEW.keys, features=(), ttl_us=0, hash="cccccccccccccccc")
    manifest().require_plan(msgspec.structs.replace(PLAN, views=(VIEW, other)), applied_at=NOON)


MISMATCHES = {
    "project": {"project": "q"},
    "view": {"views": (msgspec.structs.replace(VIEW, hash="dddddddddddddddd"),)},
    "missing view": {"views": ()},
    "transforms": {"transforms_sha256": "eeee"},
    "order of inputs": {
        "services": (msgspec.structs.replace(PLAN.services[0], features=PLAN.services[0].features[::-1]),)
    },
    "missing service": {"services": ()},
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_another_plan_is_refused(what: str) -> None:
    """Whatever changes the meaning of an input is refused, and the older side is named."""
    plan = msgspec.structs.replace(PLAN, **MISMATCHES[what])
    with pytest.raises(PlanMismatchError) as newer:
        manifest().require_plan(plan, applied_at=NOON.replace(hour=13))
    with pytest.raises(PlanMismatchError) as older:
        manifest().require_plan(plan, applied_at=NOON.replace(hour=11))
    assert (newer.value.older, older.value.older) == ("the bundle", "the plan")


def test_a_decision_begins_at_the_threshold() -> None:
    """At the threshold the decision is positive."""
    decision = manifest().decision
    assert decision is not None
    assert [decision.of(score) for score in (0.49999, 0.5, 1.0)] == ["no", "yes", "yes"]


def test_golden_rows_keep_every_bit(bundle: Bundle) -> None:
    """NaN, infinities, the smallest number and the sign of zero come back as they were."""
    rows = read_golden(bundle)
    assert rows.features.tobytes() == ROWS.features.tobytes()
    assert rows.raw_scores.tobytes() == ROWS.raw_scores.tobytes()


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"v:y": [1.0], "v:x": [1.0], "raw_score": [1.0]}),
        pa.table({"v:x": [1], "v:y": [1.0], "raw_score": [1.0]}),
        pa.table(
            {
                "v:x": pa.array([], pa.float64()),
                "v:y": pa.array([], pa.float64()),
                "raw_score": pa.array([], pa.float64()),
            }
        ),
    ],
    ids=["order", "type", "empty"],
)
def test_golden_rows_of_another_form_are_refused(bundle: Bundle, table: pa.Table) -> None:
    """Golden rows have the manifest's inputs as doubles, and are not none."""
    pq.write_table(table, bundle.file(GOLDEN))
    with pytest.raises(BundleCorruptError, match="golden"):
        read_golden(bundle)


def test_the_first_differing_row_is_named() -> None:
    """Bits count: zeros of other sign differ, a NaN equals itself, a short column differs where it ends."""
    ones = np.array([1.0, np.nan, 0.0])
    assert first_difference(ones, ones.copy()) is None
    assert first_difference(ones, np.array([1.0, np.nan, -0.0])) == 2
    assert first_difference(ones, ones[:2]) == 2
    pairs = np.array([[1.0, 0.0], [2.0, 0.0]])
    assert first_difference(pairs, pairs.copy()) is None
    assert first_difference(pairs, np.array([[1.0, 0.0], [2.0, -0.0]])) == 1
    assert first_difference(pairs, pairs[:, :1]) == 0
