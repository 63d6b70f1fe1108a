"""What recorded scores are held against: the plan, the domain's functions, and the policy of each record's model."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from features.bundle import read_bundle
from features.domain import Domain
from features.errors import BundleCorruptError
from features.nouns import ScoreRecord
from features.plan import Plan
from features.transforms import load_transforms
from features.vector import MissingPolicy
from features.verify import Judge


def judge_of(plan: Plan, domain: Domain, state_dir: Path) -> Judge:
    """The judge of a domain's records: policies come from the bundles that served, else from ``model.yaml``."""

    @cache
    def policies() -> dict[str, MissingPolicy]:
        found = {}
        for manifest in (state_dir / "models").glob("*/**/manifest.json"):
            try:
                bundle = read_bundle(manifest.parent)
            except BundleCorruptError:
                continue
            found[bundle.digest] = bundle.manifest.missing
        return found

    def policy(record: ScoreRecord) -> MissingPolicy:
        known = policies().get(record.digest)
        return (
            domain.models[record.model].missing
            if known is None and record.model in domain.models
            else known or MissingPolicy()
        )

    return Judge(plan, load_transforms(state_dir, sha256=plan.transforms_sha256), policy)
