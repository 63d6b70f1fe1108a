"""How the model is served, watched and replaced."""

from __future__ import annotations

from collections.abc import Iterator

from offline_training.card.facts import CardFacts
from offline_training.card.markdown import bullets
from offline_training.card.words import stated


def deployment(facts: CardFacts) -> str:
    """What serves it, and on which conditions."""
    return bullets(_deployment(facts))


def maintenance(facts: CardFacts) -> str:
    """In the model file's words, then what watches it."""
    return f"{stated(facts.spec.card.maintenance, 'maintenance')}\n\n{bullets(_maintenance())}"


def _deployment(facts: CardFacts) -> Iterator[str]:
    manifest = facts.manifest
    views = ", ".join(f"`{view}`" for view in manifest.view_hashes)
    online = f"the online features of the views {views} and " if views else ""
    yield (
        f"Served by `model.onnx` in ONNX Runtime, raw score to score by {manifest.link}, from {online}what a request "
        "supplies."
    )
    yield (
        "A scorer takes it up only if every file has its digest, its views are declared as they were in training, and "
        "its golden rows come out bit for bit."
    )
    yield "It may serve as champion, challenger or shadow; `millstream rollback` lets the champion before it serve."
    yield "Every score is recorded with its inputs, and `millstream verify` computes it again from the event lake."


def _maintenance() -> Iterator[str]:
    yield (
        "The monitor watches its inputs, its scores and what came of them against `reference.parquet`, and calls for a "
        "new training."
    )
    yield "A new training is a new version with a card of its own; this one's files never change, and its digest tells."
