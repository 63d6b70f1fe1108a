"""What a model's documentation must hold, where this card holds it, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from features.head import UNSUPERVISED
from offline_training.card.facts import CardFacts
from offline_training.card.markdown import table


class _Demand(NamedTuple):
    what: str
    asked_by: str
    part: str
    missing: str


def completeness(facts: CardFacts) -> str:
    """One line a demand; what is missing says what to do."""
    rows = [
        (demand.what, demand.asked_by, f"**missing**: {demand.missing}" if demand.missing else demand.part)
        for demand in _demands(facts)
    ]
    return table(("what", "asked for by", "where"), rows)


def _demands(facts: CardFacts) -> Iterator[_Demand]:
    spec, judgement = facts.spec, facts.judgement

    def words(key: str) -> str:
        return "" if getattr(spec.card, key).strip() else f"state `card.{key}`"

    yield _Demand("purpose and design", "SR 26-2; Annex IV 1", "Details", words("description"))
    yield _Demand("who answers for it", "Annex IV 1(a)", "Details", words("owner"))
    yield _Demand("intended use", "SR 26-2; Annex IV 1(a)", "Intended use", words("intended_use"))
    yield _Demand("data: origin, selection, labels", "SR 26-2; Annex IV 2(d)", "Data, Inputs", "")
    yield _Demand("method, parameters, environment", "Annex IV 2(b), 2(c)", "Details, Environment and lineage", "")
    yield _Demand("test against independent rows", "SR 26-2; Annex IV 2(g)", "How good it is", "")
    yield _Demand(
        "figures for groups and segments", "Annex IV 3", "By segment",
        "" if judgement.segments else "state `evaluation.segments`",
    )  # fmt: skip
    yield _Demand(
        "robustness", "Annex IV 2(g)", "When inputs fail",
        "" if judgement.robustness or spec.task in UNSUPERVISED else "train without --quick",
    )  # fmt: skip
    yield _Demand("limits and assumptions", "SR 26-2; Annex IV 3", "Limits", words("limitations"))
    yield _Demand("risks to people", "Annex IV 3, 5", "Ethics and fairness", words("ethics"))
    yield _Demand(
        "discriminatory effects", "Annex IV 2(g), 3", "Ethics and fairness",
        "" if judgement.fairness else "state `fairness.columns`, or in `card.ethics` why there are none",
    )  # fmt: skip
    yield _Demand("targets", "SR 26-2", "How good it is", "" if judgement.targets else "state `targets`")
    yield _Demand("how it is served and overseen", "Annex IV 1(b), 2(e)", "Deployment", "")
    yield _Demand("monitoring and change", "SR 26-2; Annex IV 6, 9", "Maintenance", words("maintenance"))
