"""The model card: what the model is, what it was tried on, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from features.bundle import Manifest
from features.model_file import ModelSpec
from features.nouns import Knowledge
from features.plan import AggregatePlan, Plan
from offline_training.dataset import Dataset
from offline_training.fitting import Fitted
from offline_training.proof import closeness

_US_A_DAY = 86_400_000_000
_US_A_SECOND = 1_000_000
_KNOWLEDGE: Mapping[Knowledge, str] = {
    "as_true": "as true: of all events before the observation, whenever they arrived",
    "as_known": "as known: of the events that had arrived before the observation",
}


def write_card(manifest: Manifest, plan: Plan, spec: ModelSpec, data: Dataset, fitted: Fitted) -> str:
    """Markdown."""
    parts = (
        f"# {manifest.model}",
        _purpose(manifest, spec, fitted),
        "## Data",
        _data(manifest, spec, data, fitted),
        "## How good it is",
        _figures(spec, fitted),
        "## Gates",
        _gates(fitted),
        "## Inputs",
        _inputs(plan, data, fitted),
        "## Limits",
        _limits(spec, data),
    )
    return "\n\n".join(parts) + "\n"


def _purpose(manifest: Manifest, spec: ModelSpec, fitted: Fitted) -> str:
    decision = spec.decision
    return (
        f"Gives the probability that `{spec.labels}` labels an observation 1, known {spec.horizon} later. At "
        f"{decision.threshold:g} and above the decision is **{decision.positive}**, below **{decision.negative}**.\n\n"
        f"Learned by `{fitted.learned.learner}` ({_params(fitted)}) on {len(manifest.features)} inputs; project "
        f"`{manifest.project}`, feature service `{manifest.service}`, plan `{manifest.plan_hash}`; made "
        f"{manifest.created_at:%Y-%m-%d %H:%M} UTC by Millstream {manifest.code_version}."
    )


def _params(fitted: Fitted) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(fitted.learned.params.items())) or "its own defaults"


def _data(manifest: Manifest, spec: ModelSpec, data: Dataset, fitted: Fitted) -> str:
    window, earlier, later = manifest.window, fitted.split.earlier, fitted.split.later
    rows = [
        ("fitted for the test", *_part(data, earlier)),
        ("tested", *_part(data, later)),
        ("fitted for publication", *_part(data, slice(None))),
    ]
    refused, cut_off = data.left_out
    left_out = f" {refused:,} observations were left out by the missing-value policy." if refused else ""
    if cut_off:
        left_out += f" {cut_off:,} were left out because they look back on records that the lake has dropped."
    return (
        _table(("part", "from", "to", "observations", "share of label 1"), rows)
        + f"\n\nBetween the last row fitted for the test and the first tested lie at least "
        f"{_length(spec.gap_us)}, so that no outcome was known too early. The published model is fitted again on all "
        f"{window.rows:,} labelled observations, with the parameters fixed before.{left_out} "
        f"Features are {_KNOWLEDGE[window.knowledge]}. "
        f"Fingerprint of the training set: `{manifest.data_fingerprint}`."
    )


def _figures(spec: ModelSpec, fitted: Fitted) -> str:
    test, logistic = fitted.test, fitted.logistic
    rows = [
        ("ROC AUC", f"{test.roc_auc:.4f}", f"{logistic.roc_auc:.4f}", f"{fitted.single_feature_roc_auc:.4f}"),
        ("average precision", f"{test.average_precision:.4f}", f"{logistic.average_precision:.4f}", ""),
        ("accuracy", f"{test.accuracy:.4f}", f"{logistic.accuracy:.4f}", ""),
        ("Brier score", f"{test.brier:.4f}", f"{logistic.brier:.4f}", ""),
        ("log loss", f"{test.log_loss:.4f}", f"{logistic.log_loss:.4f}", ""),
    ]
    header = ("on the test rows", "this model", "logistic regression", f"`{spec.baseline_feature}` alone")
    return (
        _table(header, rows)
        + f"\n\nAlways naming the commoner outcome has accuracy {test.majority_accuracy:.4f}.\n\n"
        + f"`model.onnx` gave the raw scores of the training library {closeness(fitted.proof.max_abs_diff)} on "
        f"{fitted.proof.n_rows:,} rows: the tested ones, missing and extreme values, and of trees both sides of every "
        "threshold."
    )


def _gates(fitted: Fitted) -> str:
    rows = [
        (gate.name.replace("_", " "), f"{gate.value:.4f}", f"{gate.least:.4f}", "yes" if gate.passed else "**no**")
        for gate in fitted.gates
    ]
    return _table(("gate", "ROC AUC", "at least", "passed"), rows)


def _inputs(plan: Plan, data: Dataset, fitted: Fitted) -> str:
    meanings = {f"{view.name}:{f.name}": _meaning(f) for view in plan.views for f in view.features}
    missing = np.isnan(data.rows).mean(axis=0).tolist()
    rows = [
        (f"`{name}`", meanings.get(name, "computed at request time"), f"{share:.1%}", f"{gain:.1%}")
        for name, share, gain in zip(data.names, missing, fitted.learned.importance.tolist(), strict=True)
    ]
    return _table(("input", "what it is", "null", "importance"), rows)


def _limits(spec: ModelSpec, data: Dataset) -> str:
    first, last, _, _ = _part(data, slice(None))
    lines = (
        f"It knows outcomes of {first} to {last} only; where behaviour or the mix of entities changes, watch drift.",
        "Trees do not extrapolate: an input beyond its range in training is read as the nearest value seen there.",
        "Scores are probabilities only as far as the calibration plot says.",
        f"Missing inputs (entity unknown, stale, not supplied): {_policy(spec)}.",
        f"Protected columns, from which no input may be computed: {', '.join(spec.protected) or 'none declared'}.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _policy(spec: ModelSpec) -> str:
    words = {"nan": "given to the trees as NaN", "fail": "the request is refused"}
    remedies = {"default": spec.missing.default, **spec.missing.features}
    return "; ".join(f"{name}: {words.get(str(remedy), f'read as {remedy}')}" for name, remedy in remedies.items())


def _meaning(feature: AggregatePlan) -> str:
    window = "since ever" if feature.window_us is None else f"over {_length(feature.window_us)}"
    return f"{feature.function} of {feature.column} {window}"


def _length(length_us: int) -> str:
    if length_us % _US_A_DAY == 0:
        return f"{length_us // _US_A_DAY} days"
    return f"{length_us / _US_A_SECOND:,.0f} s"


def _part(data: Dataset, rows: np.ndarray | slice) -> tuple[str, str, str, str]:
    at_us, labels = data.at_us[rows], data.labels[rows]
    return _day(at_us.min()), _day(at_us.max()), f"{len(labels):,}", f"{labels.mean():.4f}"


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / _US_A_SECOND, UTC):%Y-%m-%d}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
