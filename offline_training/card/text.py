"""The card as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from offline_training.card.completeness import completeness
from offline_training.card.data import data, inputs, quality
from offline_training.card.details import details, intended_use
from offline_training.card.facts import CardFacts
from offline_training.card.fairness import ethics
from offline_training.card.limits import limits
from offline_training.card.lineage import lineage
from offline_training.card.operation import deployment, maintenance
from offline_training.card.performance import gates, performance

_PARTS: Final[tuple[tuple[str, Callable[[CardFacts], str]], ...]] = (
    ("Details", details),
    ("Intended use", intended_use),
    ("Data", data),
    ("Data quality", quality),
    ("Inputs", inputs),
    ("How good it is", performance),
    ("Gates", gates),
    ("Limits", limits),
    ("Ethics and fairness", ethics),
    ("Deployment", deployment),
    ("Maintenance", maintenance),
    ("Environment and lineage", lineage),
    ("Completeness of this card", completeness),
)


def write_card(facts: CardFacts) -> str:
    """All parts of it, each under its heading."""
    return "\n\n".join(_parts(facts)) + "\n"


def _parts(facts: CardFacts) -> Iterator[str]:
    yield f"# {facts.manifest.model}"
    for heading, part in _PARTS:
        yield f"## {heading}"
        yield part(facts)
