"""Publishing a bundle: registered whatever its checks say, and let serve at once as far as it may."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from features.approval.checks import Check
from features.approval.identity import Identity
from features.approval.rules import Rules
from features.approval.stages import Stage, may_serve
from features.bundle import Bundle
from features.routing import CHAMPION, Arm
from offline_training.arms import Arms, ArmsRegistry
from offline_training.audit import AuditLog
from offline_training.notification import Notify
from offline_training.registry import Published
from offline_training.review import Review, ReviewRegistry


class PublishingRegistry(ReviewRegistry, ArmsRegistry, Protocol):
    """What publishing needs of a registry."""

    def publish(self, bundle: Bundle, reports: Path, *, params: Mapping[str, Any], developer: str) -> Published:
        """Register a new version, in staging."""
        ...


class Release(NamedTuple):
    """A registered version, where it is now and why, and whether it is to serve."""

    published: Published
    stage: Stage
    checks: tuple[Check, ...]
    promoted: bool


def publish(
    registry: PublishingRegistry,
    audit: AuditLog,
    rules: Rules,
    bundle: Bundle,
    reports: Path,
    *,
    params: Mapping[str, Any],
    who: Identity,
    at: datetime,
    notify: Notify,
    arm: Arm = CHAMPION,
) -> Release:
    """Register the bundle and have it reviewed; let it serve as an arm if it has come so far."""
    manifest = bundle.manifest
    published = registry.publish(bundle, reports, params=params, developer=who.name)
    review = Review(registry, audit, rules, who, at=at, notify=notify)
    detail = {"plan_hash": manifest.plan_hash, "run_id": published.run_id}
    reviewed = review.submit(published.version, bundle, detail)
    stage, promoted = reviewed.stage, may_serve(reviewed.stage, arm)
    if promoted:
        arms = Arms(registry, audit, lambda _model: rules, by=who.name, at=at, notify=notify)
        arms.promote(manifest.model, published.version, arm)
        stage = registry.version(manifest.model, published.version).stage
    return Release(published, stage, tuple(reviewed.checks), promoted)
