"""The automatic checks of a bundle: what must hold before a person is asked, and again wherever it is to serve.

Each looks at the bundle alone and at what the domain asks for, so trainer, approver and model sync come to the same
answer. Evidence that is missing is a check that did not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from features.approval.bundle_scan import scan_bundle
from features.approval.documentation import missing_parts
from features.bundle import Bundle
from features.head import Task
from features.model_file import ModelSpec

QUALITY: Final[Mapping[Task, tuple[str, str]]] = {
    "binary": ("accuracy", "min_accuracy"),
    "multiclass": ("accuracy", "min_accuracy"),
    "regression": ("r2", "min_accuracy"),
    "clustering": ("silhouette", "min_silhouette"),
    "anomaly": ("stability", "min_stability"),
}
"""The metric that says how good a model is, and the bound of ``checks`` that it is held to, by task."""


def bias_metric(column: str) -> str:
    """Name of the metric that holds the widest gap between the groups of a column."""
    return f"bias.{column}"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check, whether it passed, and on what grounds."""

    name: str
    passed: bool
    found: str

    def __str__(self) -> str:
        return f"{self.name} {'passed' if self.passed else 'NOT passed'}: {self.found}"


def check_bundle(bundle: Bundle, spec: ModelSpec) -> tuple[Check, ...]:
    """Every automatic check.

    Parameters
    ----------
    bundle
        As `features.bundle.read_bundle` gives it.
    spec
        What the domain says of the model.

    Returns
    -------
    tuple of Check
        In the order of `CHECKS`.

    """
    return tuple(check(bundle, spec) for check in CHECKS)


def _accuracy(bundle: Bundle, spec: ModelSpec) -> Check:
    metric, bound = QUALITY[bundle.manifest.task]
    value, least = bundle.manifest.metrics.get(metric), getattr(spec.checks, bound)
    if value is None:
        return Check(name="accuracy", passed=False, found=f"the bundle has no {metric} ({bundle.manifest.task})")
    if least is None:
        return Check(name="accuracy", passed=False, found=f"{metric} {value:.4f}, but no checks.{bound} is stated")
    return Check(name="accuracy", passed=least <= value <= 1, found=f"{metric} {value:.4f}, {least:g} at least")


def _bias(bundle: Bundle, spec: ModelSpec) -> Check:
    below, metrics = spec.checks.max_bias, bundle.manifest.metrics
    gaps = {column: metrics.get(bias_metric(column)) for column in spec.fairness.columns}
    missing = [column for column, gap in gaps.items() if gap is None]
    if missing:
        return Check(name="bias", passed=False, found=f"the bundle has no figures for {', '.join(missing)}")
    found = ", ".join(f"{column} {gap:.4f}" for column, gap in gaps.items()) or "no column to be fair to is named"
    passed = all(gap is not None and 0 <= gap < below for gap in gaps.values())
    return Check(name="bias", passed=passed, found=f"{found}, each below {below:g}" if gaps else found)


def _gates(bundle: Bundle, spec: ModelSpec) -> Check:  # noqa: ARG001 - as all checks
    margins = bundle.manifest.gates
    if margins is None:
        return Check(name="gates", passed=False, found="the bundle does not say by how much it passed its gates")
    found = ", ".join(f"{name} by {margin:+.4f}" for name, margin in margins.items()) or "there are none"
    return Check(name="gates", passed=all(margin >= 0 for margin in margins.values()), found=found)


def _security(bundle: Bundle, spec: ModelSpec) -> Check:  # noqa: ARG001 - as all checks
    faults = scan_bundle(bundle)
    return Check(name="security", passed=not faults, found="; ".join(faults) or "files and operators are all known")


def _documentation(bundle: Bundle, spec: ModelSpec) -> Check:  # noqa: ARG001 - as all checks
    missing = missing_parts(bundle)
    found = f"the card says nothing of {', '.join(missing)}" if missing else "description, limitations, ethics"
    return Check(name="documentation", passed=not missing, found=found)


CHECKS: Final[tuple[Callable[[Bundle, ModelSpec], Check], ...]] = (_gates, _accuracy, _bias, _security, _documentation)
