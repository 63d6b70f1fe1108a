"""A bundle of a small domain's model, without a registry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from features.bundle import Bundle
from features.lake import open_lake
from offline_training.bundle_writer import manifest_of, write_bundle
from offline_training.card import CardFacts
from offline_training.dataset import Dataset
from offline_training.evaluation import judge_model, to_outcomes
from offline_training.fitting import fit
from offline_training.lineage import trace
from offline_training.validation import validate
from tests.offline_training.small_domain import SmallDomain


def card_facts(small: SmallDomain, data: Dataset, *, quick: bool = True) -> CardFacts:
    """All that a training of the model knows."""
    spec = small.domain.models["standstill"]
    fitted = fit(data, spec, lambda _: None)
    outcomes = to_outcomes(data, fitted.spec, fitted.split, fitted.test_scores)
    judgement = judge_model(data, fitted.spec, fitted.split, fitted.tested, outcomes, quick=quick)
    at = datetime(2024, 4, 1, tzinfo=UTC)
    manifest = manifest_of("standstill", small.plan, data, fitted, judgement, created_at=at)
    lake = open_lake(small.settings.lake_url("machines"))
    verdict = validate(small.plan, small.domain, "standstill", data, lake)
    lineage = trace(lake, ["jobs"])
    return CardFacts(manifest, small.plan, fitted.spec, data, fitted, judgement, lineage, verdict)


def bundle_of(small: SmallDomain, data: Dataset, folder: Path) -> Bundle:
    """The bundle that such a training writes."""
    return write_bundle(folder, card_facts(small, data))
