"""What a card is written from."""

from __future__ import annotations

from typing import NamedTuple

from features.bundle import Manifest
from features.model_file import ModelSpec
from features.plan import Plan
from offline_training.dataset import Dataset
from offline_training.evaluation import Judgement
from offline_training.fitting import Fitted
from offline_training.lineage import Lineage
from offline_training.validation import Verdict


class CardFacts(NamedTuple):
    """One training, as far as its card speaks of it.

    The card in a bundle is told nothing of the champion: what a bundle holds follows from data, model file and code,
    not from who happened to serve.
    """

    manifest: Manifest
    plan: Plan
    spec: ModelSpec
    data: Dataset
    fitted: Fitted
    judgement: Judgement
    lineage: Lineage
    verdict: Verdict
