"""The reports of a training: pictures, figures for programs, and the model card as text and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from features.bundle import MODEL_CARD
from features.head import UNSUPERVISED, to_scores
from features.shapley import explainer_of
from offline_training.card import CardFacts, write_card, write_page
from offline_training.card.performance import beside_champion
from offline_training.evaluation import ChampionReport, Outcomes
from offline_training.plots import draw_explanations, draw_figures
from offline_training.plots.gallery import Explained

CARD_PAGE: Final = "model_card.html"
EVALUATION: Final = "evaluation.json"
_CHAMPION_HEADING: Final = "## Beside the champion"


def write_reports(
    folder: Path, facts: CardFacts, outcomes: Outcomes, champion: ChampionReport | None, *, quick: bool
) -> None:
    """Write all of them into a folder; a quick training draws few pictures.

    The card here differs from the bundle's by what is said of the champion, who is not part of what a bundle is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fitted, names = facts.fitted, facts.data.names
    classes = facts.spec.class_names
    pictures = draw_figures(folder, outcomes, facts.judgement, classes, names, fitted.learned.importance, quick=quick)
    if not quick and facts.spec.task not in UNSUPERVISED:
        model = _explained(facts)
        pictures += draw_explanations(folder, outcomes, classes, model, facts.spec.seed)
    card = write_card(facts)
    if champion is not None:
        card += f"\n{_CHAMPION_HEADING}\n\n{beside_champion(champion)}\n"
    (folder / MODEL_CARD).write_text(card, encoding="utf-8")
    (folder / CARD_PAGE).write_text(write_page(facts.manifest.model, card, pictures), encoding="utf-8")
    evaluation = {"judgement": facts.judgement, "champion": champion, "lineage": facts.lineage}
    (folder / EVALUATION).write_bytes(msgspec.json.format(msgspec.json.encode(evaluation), indent=1))


def _explained(facts: CardFacts) -> Explained:
    """The published model on the tested rows."""
    learned, exported = facts.fitted.learned, facts.fitted.exported
    explanation, shape = exported.explanation, (len(facts.data.names), facts.manifest.head.n_outputs)
    return Explained(
        facts.data.names,
        facts.data.rows[facts.fitted.split.later],
        lambda rows: to_scores(learned.link, learned.raw(rows)),
        None if explanation is None else explainer_of(explanation, *shape, exported.shares, exported.columns_of),
    )
