"""What the model was fitted and tested on, and what it is asked with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.head import UNSUPERVISED
from features.nouns import Provenance
from features.plan import AggregatePlan
from offline_training.card.facts import CardFacts
from offline_training.card.markdown import table
from offline_training.card.words import day, length
from offline_training.dataset import Whole
from offline_training.validation import quality_part

_KNOWLEDGE: Mapping[Provenance, str] = {
    "as_true": "as true: of all events before the observation, whenever they arrived",
    "as_known": "as known: of the events that had arrived before the observation",
    "as_served": "as served: the very vectors that the model was given when it was asked",
}


def data(facts: CardFacts) -> str:
    """The parts of the training set, and what is not in it."""
    window, split = facts.manifest.window, facts.fitted.split
    rows = [
        ("fitted for the test", *_part(facts, facts.data.whole.until(split.earlier_until_us))),
        ("tested", *_part(facts, Whole(facts.data.labels[split.later], facts.data.at_us[split.later]))),
        ("fitted for publication", *_part(facts, facts.data.whole)),
    ]
    span = ("from", "to") if facts.data.timed else ()
    refused, cut_off = facts.data.left_out
    left_out = f" {refused:,} observations were left out by the missing-value policy." if refused else ""
    if cut_off:
        left_out += f" {cut_off:,} were left out because they look back on records that the lake has dropped."
    if facts.data.served is not None:
        left_out += "".join(f" {line}." for line in facts.data.served.lines())
    return (
        table(("part", *span, "observations", "labels"), rows)
        + f"\n\n{_split(facts)} The published model is fitted again on all {window.rows:,} "
        f"observations, with the parameters fixed before.{left_out} Features are {_KNOWLEDGE[window.knowledge]}."
        + _sample(facts)
    )


def _sample(facts: CardFacts) -> str:
    """What was done with but some of the rows, where a cluster holds them."""
    if facts.data.larger is None:
        return ""
    return (
        f" All rows were fitted, by LightGBM on a cluster. {len(facts.data.labels):,} of them, the tested ones and a "
        "sample of the others, are what the rest of the training has seen: validation, exploration, search, baselines, "
        "when to stop, threshold, calibration, and the sample that drift is measured against."
    )


def quality(facts: CardFacts) -> str:
    """What the training set was held to, and what of it was waived."""
    return quality_part(facts.verdict)


def inputs(facts: CardFacts) -> str:
    """Each input: what it is, how often it is missing, how much the model goes by it."""
    meanings = {f"{view.name}:{f.name}": _meaning(f) for view in facts.plan.views for f in view.features}
    missing = np.isnan(facts.data.rows).mean(axis=0).tolist()
    importance = facts.fitted.learned.importance.tolist()
    rows = [
        (f"`{name}`", meanings.get(name, "computed at request time"), f"{share:.1%}", f"{weight:.1%}")
        for name, share, weight in zip(facts.data.names, missing, importance, strict=True)
    ]
    return table(("input", "what it is", "null", "importance"), rows)


def _part(facts: CardFacts, part: Whole) -> tuple[str, ...]:
    labels, at_us = part
    span = (day(at_us.min()), day(at_us.max())) if facts.data.timed else ()
    return *span, f"{len(labels):,}", _labels(facts, labels)


def _split(facts: CardFacts) -> str:
    """How tested rows were told from others."""
    if facts.data.timed:
        return (
            f"Between the last row fitted for the test and the first tested lie at least {length(facts.spec.gap_us)}, "
            "so that no outcome was known too early."
        )
    return (
        "Observations have no instants: which are tested was drawn by a hash of what the model is given of them, so "
        "that equal ones are in one part."
    )


def _labels(facts: CardFacts, labels: np.ndarray) -> str:
    """What the labels are, in a few words."""
    if facts.spec.task in UNSUPERVISED:
        known = float((~np.isnan(labels)).mean())
        return f"{known:.1%} have one, beside" if known else "none"
    if facts.spec.task == "multiclass":
        return ", ".join(f"{name} {(labels == i).mean():.1%}" for i, name in enumerate(facts.spec.classes))
    return f"{labels.mean():.4f} are 1" if facts.spec.task == "binary" else f"mean {labels.mean():.6g}"


def _meaning(feature: AggregatePlan) -> str:
    window = "since ever" if feature.window_us is None else f"over {length(feature.window_us)}"
    return f"{feature.function} of {feature.column} {window}"
