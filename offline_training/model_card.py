"""The model card: what the model is, what it was tried on, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from features.bundle import Manifest
from features.model_file import ModelSpec
from features.nouns import Knowledge
from features.plan import AggregatePlan, Plan
from features.shapley import TreeTables
from offline_training.baselines import LINEAR
from offline_training.dataset import Dataset
from offline_training.evaluation import RANKED_BY, ValuesEvaluation, figures_of
from offline_training.fitting import Fitted
from offline_training.proof import closeness

_US_A_DAY = 86_400_000_000
_US_A_SECOND = 1_000_000
_KNOWLEDGE: Mapping[Knowledge, str] = {
    "as_true": "as true: of all events before the observation, whenever they arrived",
    "as_known": "as known: of the events that had arrived before the observation",
}
_EXTRAPOLATION: Mapping[bool, str] = {
    True: "Trees do not extrapolate: an input beyond its range in training is read as the nearest value seen there.",
    False: "It extrapolates no further than its inputs' range in training and half as much again on either side.",
}
"""What trees, and other models, make of an input beyond its range in training."""


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
        _gates(spec, fitted),
        "## Inputs",
        _inputs(plan, data, fitted),
        "## Limits",
        _limits(spec, data, fitted),
    )
    return "\n\n".join(parts) + "\n"


def _purpose(manifest: Manifest, spec: ModelSpec, fitted: Fitted) -> str:
    return (
        f"{_meaning_of_score(spec)}\n\n"
        f"Learned by `{fitted.learned.learner}` ({_params(fitted)}) on {len(manifest.features)} inputs; project "
        f"`{manifest.project}`, feature service `{manifest.service}`, plan `{manifest.plan_hash}`; made "
        f"{manifest.created_at:%Y-%m-%d %H:%M} UTC by Millstream {manifest.code_version}."
    )


def _meaning_of_score(spec: ModelSpec) -> str:
    """What a score of the task is, and what is decided on it."""
    if spec.task == "multiclass":
        names = ", ".join(f"**{name}**" for name in spec.classes)
        return (
            f"Gives the probability that `{spec.labels}` labels an observation each of {names}, known {spec.horizon} "
            "later, and decides on the likeliest."
        )
    what = "the probability that `{}` labels an observation 1" if spec.task == "binary" else "the label of `{}`"
    meaning = f"Gives {what.format(spec.labels)}, known {spec.horizon} later."
    decision = spec.decision
    if decision is None:
        return meaning
    return (
        f"{meaning} At {decision.threshold:g} and above the decision is **{decision.positive}**, below "
        f"**{decision.negative}**."
    )


def _params(fitted: Fitted) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(fitted.learned.params.items())) or "its own defaults"


def _data(manifest: Manifest, spec: ModelSpec, data: Dataset, fitted: Fitted) -> str:
    window, earlier, later = manifest.window, fitted.split.earlier, fitted.split.later
    rows = [
        ("fitted for the test", *_part(spec, data, earlier)),
        ("tested", *_part(spec, data, later)),
        ("fitted for publication", *_part(spec, data, slice(None))),
    ]
    refused, cut_off = data.left_out
    left_out = f" {refused:,} observations were left out by the missing-value policy." if refused else ""
    if cut_off:
        left_out += f" {cut_off:,} were left out because they look back on records that the lake has dropped."
    return (
        _table(
            ("part", "from", "to", "observations", "labels"),
            rows,
        )
        + f"\n\nBetween the last row fitted for the test and the first tested lie at least "
        f"{_length(spec.gap_us)}, so that no outcome was known too early. The published model is fitted again on all "
        f"{window.rows:,} labelled observations, with the parameters fixed before.{left_out} "
        f"Features are {_KNOWLEDGE[window.knowledge]}. "
        f"Fingerprint of the training set: `{manifest.data_fingerprint}`."
    )


def _figures(spec: ModelSpec, fitted: Fitted) -> str:
    linear = figures_of(fitted.linear)
    figures = {name: value for name, value in figures_of(fitted.test).items() if name != "majority_accuracy"}
    (ranked, rank), *others = figures.items()
    rows = [
        (RANKED_BY[spec.task], f"{rank:.4f}", f"{linear[ranked]:.4f}", f"{fitted.single_rank:.4f}"),
        *((name.replace("_", " "), f"{value:.4f}", f"{linear[name]:.4f}", "") for name, value in others),
    ]
    name = LINEAR[spec.task].replace("_", " ")
    header = ("on the test rows", "this model", name, f"`{spec.baseline_feature}` alone")
    test = fitted.test
    majority = (
        ""
        if isinstance(test, ValuesEvaluation)
        else f"Always naming the commoner outcome has accuracy {test.majority_accuracy:.4f}.\n\n"
    )
    return (
        _table(header, rows)
        + f"\n\n{majority}"
        + f"`model.onnx` gave the raw scores of the training library {closeness(fitted.proof.max_abs_diff)} on "
        f"{fitted.proof.n_rows:,} rows: the tested ones, missing and extreme values, and of trees both sides of every "
        "threshold."
    )


def _gates(spec: ModelSpec, fitted: Fitted) -> str:
    rows = [
        (gate.name.replace("_", " "), f"{gate.value:.4f}", f"{gate.least:.4f}", "yes" if gate.passed else "**no**")
        for gate in fitted.gates
    ]
    return _table(("gate", RANKED_BY[spec.task], "at least", "passed"), rows)


def _inputs(plan: Plan, data: Dataset, fitted: Fitted) -> str:
    meanings = {f"{view.name}:{f.name}": _meaning(f) for view in plan.views for f in view.features}
    missing = np.isnan(data.rows).mean(axis=0).tolist()
    rows = [
        (f"`{name}`", meanings.get(name, "computed at request time"), f"{share:.1%}", f"{gain:.1%}")
        for name, share, gain in zip(data.names, missing, fitted.learned.importance.tolist(), strict=True)
    ]
    return _table(("input", "what it is", "null", "importance"), rows)


def _limits(spec: ModelSpec, data: Dataset, fitted: Fitted) -> str:
    trees = isinstance(fitted.exported.explanation, TreeTables)
    first, last, _, _ = _part(spec, data, slice(None))
    lines = (
        f"It knows outcomes of {first} to {last} only; where behaviour or the mix of entities changes, watch drift.",
        _EXTRAPOLATION[trees],
        *([] if spec.task == "regression" else ["Scores are probabilities only as far as their calibration goes."]),
        f"Missing inputs (entity unknown, stale, not supplied): {_policy(spec)}.",
        f"Protected columns, from which no input may be computed: {', '.join(spec.protected) or 'none declared'}.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _policy(spec: ModelSpec) -> str:
    words = {"nan": "given to the model as missing", "fail": "the request is refused"}
    remedies = {"default": spec.missing.default, **spec.missing.features}
    return "; ".join(f"{name}: {words.get(str(remedy), f'read as {remedy}')}" for name, remedy in remedies.items())


def _meaning(feature: AggregatePlan) -> str:
    window = "since ever" if feature.window_us is None else f"over {_length(feature.window_us)}"
    return f"{feature.function} of {feature.column} {window}"


def _length(length_us: int) -> str:
    if length_us % _US_A_DAY == 0:
        return f"{length_us // _US_A_DAY} days"
    return f"{length_us / _US_A_SECOND:,.0f} s"


def _part(spec: ModelSpec, data: Dataset, rows: np.ndarray | slice) -> tuple[str, str, str, str]:
    at_us, labels = data.at_us[rows], data.labels[rows]
    return _day(at_us.min()), _day(at_us.max()), f"{len(labels):,}", _labels(spec, labels)


def _labels(spec: ModelSpec, labels: np.ndarray) -> str:
    """What the labels are, in a few words."""
    if spec.task == "multiclass":
        return ", ".join(f"{name} {(labels == i).mean():.1%}" for i, name in enumerate(spec.classes))
    return f"{labels.mean():.4f} are 1" if spec.task == "binary" else f"mean {labels.mean():.6g}"


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / _US_A_SECOND, UTC):%Y-%m-%d}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
