"""Publishing a bundle: registered whatever the gates say, champion only if they pass, each step in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from features.bundle import Bundle
from offline_training.audit import AuditLog, Event
from offline_training.gates import Gate
from offline_training.registry import CHAMPION, Published

BY_GATES = "gates"


class ModelRegistry(Protocol):
    """What publishing needs of a registry."""

    def publish(
        self, bundle: Bundle, plots: Path, *, params: Mapping[str, Any], approved: bool, approved_by: str
    ) -> Published:
        """Register a new version."""
        ...

    def promote(self, model: str, version: str, alias: str = CHAMPION) -> str | None:
        """Point an alias at a version; returns the version that it pointed at before."""
        ...


class Release(NamedTuple):
    """A registered version, and whether it serves."""

    published: Published
    promoted: bool


def publish(
    registry: ModelRegistry,
    audit: AuditLog,
    bundle: Bundle,
    plots: Path,
    *,
    params: Mapping[str, Any],
    gates: Sequence[Gate],
    at: datetime,
) -> Release:
    """Register the bundle; promote it if every gate passes."""
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

    published = registry.publish(bundle, plots, params=params, approved=approved, approved_by=BY_GATES)
    verdicts = {gate.name: f"{gate.value:.6f} >= {gate.least:.6f} is {gate.passed}" for gate in gates}
    log("publish", published.version, plan_hash=manifest.plan_hash, run_id=published.run_id, **verdicts)
    if approved:
        before = registry.promote(manifest.model, published.version)
        log("promote", published.version, alias=CHAMPION, before=before or "")
    return Release(published, approved)
