"""The automatic checks: each can fail, and evidence that is missing fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from features.approval.checks import check_bundle
from features.bundle import MODEL, MODEL_CARD, Bundle, write_manifest
from features.model_file import ChecksSpec, FairnessSpec, ModelSpec
from tests.grpc_api.shop import DOCUMENTATION, POLICY_SPEC, write_bundle

FAIR = msgspec.structs.replace(POLICY_SPEC, fairness=FairnessSpec(columns=("sex", "region")))
REGRESSION: dict[str, Any] = {"task": "regression", "link": "identity", "decision": None}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """One that passes."""
    return write_bundle(tmp_path / "bundle")


def failed(bundle: Bundle, spec: ModelSpec = POLICY_SPEC, **manifest: Any) -> list[str]:
    """Names of the checks that a bundle does not pass, with a manifest that says something else."""
    changed = write_manifest(bundle.path, msgspec.structs.replace(bundle.manifest, **manifest))
    return [check.name for check in check_bundle(changed, spec) if not check.passed]


def test_a_bundle_that_shows_everything_passes(bundle: Bundle) -> None:
    """Each check says on what grounds."""
    assert failed(bundle) == []
    found = {check.name: check.found for check in check_bundle(bundle, POLICY_SPEC)}
    assert found["accuracy"] == "accuracy 0.9000, 0.85 at least"
    assert set(found) == {"gates", "accuracy", "bias", "security", "documentation"}


@pytest.mark.parametrize("metrics", [{}, {"accuracy": 0.8499}, {"accuracy": 86.0}, {"r2": 0.99}])
def test_accuracy_must_be_there_and_reach_its_bound(bundle: Bundle, metrics: dict[str, float]) -> None:
    """Missing, too low, no share, of another task."""
    assert failed(bundle, metrics=metrics) == ["accuracy"]


def test_the_bound_is_the_domains(bundle: Bundle) -> None:
    """A value at it passes."""
    for least, expected in ((0.9, []), (0.91, ["accuracy"])):
        spec = msgspec.structs.replace(POLICY_SPEC, checks=ChecksSpec(min_accuracy=least))
        assert failed(bundle, spec) == expected


def test_of_a_regression_it_bounds_r2(bundle: Bundle) -> None:
    """And of what has no such figure nothing passes."""
    assert failed(bundle, metrics={"r2": 0.9}, **REGRESSION) == []
    assert failed(bundle, metrics={"accuracy": 0.9}, **REGRESSION) == ["accuracy"]


@pytest.mark.parametrize(
    ("manifest", "metric", "bound"),
    [
        ({"task": "clustering", "link": "negated", "classes": ("a", "b")}, "silhouette", "min_silhouette"),
        ({"task": "anomaly", "link": "exp2"}, "stability", "min_stability"),
    ],
)
def test_without_labels_another_figure_is_bounded(
    bundle: Bundle, manifest: dict[str, Any], metric: str, bound: str
) -> None:
    """By the domain's own bound: an accuracy is no evidence, and where no bound is stated nothing passes."""
    manifest = {"decision": None, **manifest}
    spec = msgspec.structs.replace(POLICY_SPEC, checks=ChecksSpec(**{bound: 0.4}))
    assert failed(bundle, spec, metrics={metric: 0.4}, **manifest) == []
    assert failed(bundle, spec, metrics={metric: 0.39}, **manifest) == ["accuracy"]
    assert failed(bundle, spec, metrics={"accuracy": 0.9}, **manifest) == ["accuracy"]
    assert failed(bundle, metrics={metric: 0.9}, **manifest) == ["accuracy"]


@pytest.mark.parametrize(
    ("gaps", "passes"),
    [
        ({"bias.sex": 0.05, "bias.region": 0.0999}, True),
        ({"bias.sex": 0.05, "bias.region": 0.1}, False),
        ({"bias.sex": -0.2, "bias.region": 0.0}, False),
        ({"bias.sex": 0.05}, False),
        ({}, False),
    ],
)
def test_bias_is_measured_of_every_column_and_below_its_bound(
    bundle: Bundle, gaps: dict[str, float], passes: bool
) -> None:
    """One column without figures is enough to fail."""
    assert failed(bundle, FAIR, metrics={"accuracy": 0.9, **gaps}) == ([] if passes else ["bias"])


def test_gates_must_be_told_and_passed(bundle: Bundle) -> None:
    """A margin of nought is passed."""
    assert failed(bundle, gates=None) == ["gates"]
    assert failed(bundle, gates={"a": 0.1, "b": -1e-12}) == ["gates"]
    assert failed(bundle, gates={"a": 0.0}) == []


@pytest.mark.parametrize("part", DOCUMENTATION)
def test_documentation_must_be_complete_and_in_the_card(bundle: Bundle, part: str) -> None:
    """Words that only the manifest holds are read by nobody."""
    assert failed(bundle, documentation=DOCUMENTATION | {part: "  "}) == ["documentation"]
    assert failed(bundle, documentation=DOCUMENTATION | {part: "Not in the card."}) == ["documentation"]
    assert failed(bundle, documentation={}) == ["documentation"]


def overwritten(name: str) -> Callable[[Bundle], None]:
    """Replaces a file by a pickle."""
    return lambda bundle: bundle.file(name).write_bytes(b"\x80\x04K\x01.") and None


@pytest.mark.parametrize(("name", "expected"), [(MODEL, ["security"]), (MODEL_CARD, ["security", "documentation"])])
def test_the_scan_is_one_of_them(bundle: Bundle, name: str, expected: list[str]) -> None:
    """Its findings are told."""
    overwritten(name)(bundle)
    assert failed(bundle) == expected
