"""What the model does not know and cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from features.head import UNSUPERVISED
from offline_training.card.facts import CardFacts
from offline_training.card.markdown import bullets
from offline_training.card.words import stated

_EXTRAPOLATION: Final[Mapping[bool, str]] = {
    True: "Trees do not extrapolate: an input beyond its range in training is read as the nearest value seen there.",
    False: "An input that lies far beyond its range in training is read as the bound that was drawn there.",
}
"""What trees, which alone are converted bit for bit, and other models make of an input beyond its range in training."""


def limits(facts: CardFacts) -> str:
    """In the model file's words, then those that follow from how it was made."""
    return f"{stated(facts.spec.card.limitations, 'limitations')}\n\n{bullets(_of_the_run(facts))}"


def _of_the_run(facts: CardFacts) -> Iterator[str]:
    first_at, last_at = facts.data.first_at, facts.data.last_at
    if first_at is None or last_at is None:
        yield "It knows its dataset only, of whatever time; where the mix of what it is asked changes, watch drift."
        yield "It was tested on rows drawn from that dataset; how it does as time goes by is not known from that."
    else:
        knows = "observations" if facts.manifest.task in UNSUPERVISED else "outcomes"
        yield (
            f"It knows {knows} of {first_at:%Y-%m-%d} to {last_at:%Y-%m-%d} only; where behaviour or the mix of "
            "entities changes, watch drift."
        )
        yield "It was tested once, on the last period; how it does over the seasons is not known from that."
    if facts.data.served is not None:
        yield (
            "It has seen only what was asked: entities and moments that nobody asks about are not in its rows, and "
            "what was done upon the answers is in its labels."
        )
    yield _EXTRAPOLATION[facts.fitted.exported.max_abs_diff == 0.0]
    if facts.fitted.exported.explanation is not None:
        yield "Contributions (Explain, Shapley values) say what moved the score, not what causes the outcome."
    elif facts.manifest.task in UNSUPERVISED:
        yield "No exact contributions of its inputs are known."
    else:
        yield "No exact contributions of its inputs are known; the local surrogates are approximations."
    if facts.manifest.task in {"binary", "multiclass"}:
        yield "Scores are probabilities only as far as the calibration plot says."
    yield f"Missing inputs (entity unknown, stale, not supplied): {_policy(facts)}."


def _policy(facts: CardFacts) -> str:
    words = {"nan": "given to the model as missing", "fail": "the request is refused"}
    missing = facts.spec.missing
    remedies = {"default": missing.default, **missing.features}
    return "; ".join(f"{name}: {words.get(str(remedy), f'read as {remedy}')}" for name, remedy in remedies.items())
