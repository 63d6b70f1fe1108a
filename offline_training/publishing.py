"""Publishing a bundle: registered whatever the gates say, serving only if they pass, each step in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from features.bundle import Bundle
from features.routing import CHAMPION, Arm
from offline_training.audit import AuditLog, Event
from offline_training.gates import Gate
from offline_training.registry import Published

BY_GATES = "gates"


class ModelRegistry(Protocol):
    """What publishing needs of a registry."""

    def publish(
        self, bundle: Bundle, reports: Path, *, params: Mapping[str, Any], approved: bool, approved_by: str
    ) -> Published:
        """Register a new version."""
        ...

    def promote(self, model: str, version: str, arm: Arm = CHAMPION) -> str | None:
        """Let a version serve as an arm; returns the version that did before."""
        ...


class Release(NamedTuple):
    """A registered version, and whether it is to serve."""

    published: Published
    promoted: bool


def publish(
    registry: ModelRegistry,
    audit: AuditLog,
    bundle: Bundle,
    reports: Path,
    *,
    params: Mapping[str, Any],
    gates: Sequence[Gate],
    at: datetime,
    arm: Arm = CHAMPION,
) -> Release:
    """Register the bundle; let it serve as an arm if every gate passes."""
    approved = all(gate.passed for gate in gates)
    manifest = bundle.manifest

    def log(event: Event, version: str, **detail: str) -> None:
        audit.append(
            event,
            at=at,
            project=manifest.project,
            model=manifest.model,
            version=version,
            digest=bundle.digest,
            by=BY_GATES,
            detail=detail,
        )

    published = registry.publish(bundle, reports, params=params, approved=approved, approved_by=BY_GATES)
    verdicts = {gate.name: f"{gate.value:.6f} >= {gate.least:.6f} is {gate.passed}" for gate in gates}
    log("publish", published.version, plan_hash=manifest.plan_hash, run_id=published.run_id, **verdicts)
    if approved:
        before = registry.promote(manifest.model, published.version, arm)
        log("promote", published.version, arm=arm, before=before or "")
    return Release(published, approved)
