"""Whom the model might wrong, and whether it treats groups alike."""

from __future__ import annotations

from collections.abc import Iterator

from offline_training.card.facts import CardFacts
from offline_training.card.markdown import table
from offline_training.card.words import stated
from offline_training.evaluation import Fairness


def ethics(facts: CardFacts) -> str:
    """In the model file's words, then the groups that were compared."""
    return "\n\n".join(_parts(facts))


def _parts(facts: CardFacts) -> Iterator[str]:
    spec = facts.spec
    yield stated(spec.card.ethics, "ethics")
    protected = ", ".join(f"`{name}`" for name in (*spec.protected, *spec.fairness.columns)) or "none declared"
    yield f"Protected columns, from which no input may be computed: {protected}."
    if not facts.judgement.fairness:
        yield (
            "**Fairness was not measured**: `fairness.columns` in `model.yaml` names no column of groups. That no "
            "input is a protected column does not make a model fair, for others may stand in for it."
        )
    for found in facts.judgement.fairness:
        yield _of_column(found)
        bound = "" if spec.fairness.max_gap is None else f"; at most {spec.fairness.max_gap:g} is allowed"
        gaps = ", ".join(f"{name.replace('_', ' ')} {gap:.4f}" for name, gap in found.gaps.items())
        yield f"Gaps between the groups of `{found.column}`: {gaps}{bound}."


def _of_column(found: Fairness) -> str:
    figures = list(found.gaps)
    rows = [
        (
            group.value,
            f"{group.rows:,}",
            *("too few rows" if (value := group.figures[name]) is None else f"{value:.4f}" for name in figures),
        )
        for group in found.groups
    ]
    return table((f"`{found.column}`", "rows", *(name.replace("_", " ") for name in figures)), rows)
