"""What the model is, and what it is for."""

from __future__ import annotations

from offline_training.card.facts import CardFacts
from offline_training.card.markdown import table
from offline_training.card.words import stated


def details(facts: CardFacts) -> str:
    """What it predicts, how, and by whom it is answered for."""
    manifest, learned = facts.manifest, facts.fitted.learned
    params = ", ".join(f"{name} {value}" for name, value in sorted(learned.params.items())) or "its own defaults"
    rows = [
        ("model", f"`{manifest.model}`, {manifest.task}"),
        ("answerable", stated(facts.spec.card.owner, "owner")),
        ("algorithm", f"`{learned.learner}` ({params}) on {len(manifest.features)} inputs"),
        ("project", f"`{manifest.project}`, feature service `{manifest.service}`, plan `{manifest.plan_hash}`"),
        ("made", f"{manifest.created_at:%Y-%m-%d %H:%M} UTC by Millstream {manifest.code_version}"),
        ("seed", str(facts.spec.seed)),
    ]
    return "\n\n".join([stated(facts.spec.card.description, "description"), table(("", ""), rows), _meaning(facts)])


def intended_use(facts: CardFacts) -> str:
    """In the model file's words, with what a score decides."""
    return stated(facts.spec.card.intended_use, "intended_use")


def _meaning(facts: CardFacts) -> str:
    """What a score says, and what follows from it."""
    manifest, spec = facts.manifest, facts.spec
    if manifest.task == "clustering":
        n_clusters = len(manifest.classes)
        return f"Gives the distance of an observation to each of {n_clusters} clusters, and decides on the nearest."
    known = f", known {spec.horizon} later" if spec.horizon else ""
    labels = "its dataset" if spec.dataset is not None else f"`{spec.labels}`"
    if manifest.task == "multiclass":
        classes = ", ".join(f"**{name}**" for name in manifest.classes)
        return (
            f"Gives the probability that {labels} labels an observation each of {classes}{known}; it decides "
            "on the likeliest."
        )
    what = f"the probability that {labels} labels an observation 1"
    if manifest.task == "regression":
        what = f"the label of {labels}"
    text = f"Gives {what}{known}."
    if manifest.task == "anomaly":
        text = "Gives how few splits at random set an observation apart from all else, as a score between 0 and 1."
    if manifest.decision is None:
        return text
    (threshold,), (negative, positive) = manifest.decision.thresholds, manifest.decision.names
    return f"{text} At {threshold:.6g} and above the decision is **{positive}**, below **{negative}**.{_chosen(facts)}"


def _chosen(facts: CardFacts) -> str:
    wanted = facts.spec.evaluation.threshold
    return "" if wanted is None else f" The threshold was chosen on rows before the tested ones: {wanted}."
