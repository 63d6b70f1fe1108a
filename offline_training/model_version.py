"""One version of a model, as the registry tells of it in tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from features.approval import tags
from features.approval.rules import Papers
from features.approval.stages import Stage, stage_of
from features.bundle import Bundle


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version with its tags; they are empty where another tool made it, and true only as far as they are signed."""

    model: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    plan_hash: str
    developer: str
    approval_status: str
    approved_by: str
    approval_timestamp: str
    performance_metrics: str
    created_us: int
    papers: Papers

    def __str__(self) -> str:
        return f"{self.model} {self.version}"

    @property
    def stage(self) -> Stage:
        """Where it is; CorruptError where the tag says no stage."""
        return stage_of(str(self), self.approval_status)

    @property
    def figures(self) -> dict[str, float]:
        """The performance metrics; none where another tool wrote something else there."""
        try:
            return msgspec.json.decode(self.performance_metrics, type=dict[str, float])
        except msgspec.MsgspecError:
            return {}

    def shown(self) -> dict[str, Any]:
        """For machines: figures as such, and no papers."""
        fields = msgspec.structs.asdict(self)
        del fields["papers"]
        return fields | {"performance_metrics": self.figures}

    def line(self) -> str:
        """For people."""
        found = self.figures
        figures = (f"{name} {found[name]:.4f}" for name in _SHOWN if name in found)
        by = f"by {self.developer}" + (f", approved by {self.approved_by}" if self.approved_by else "")
        return (
            f"{self.model} {self.version:>3}  {','.join(self.aliases) or '-':<10} "
            f"{self.approval_status or 'unknown':<17} {', '.join(figures) or 'no figures'}  {by}  {self.digest[:12]}"
        )


_SHOWN = ("accuracy", "roc_auc", "r2", "rmse")


def tags_of(bundle: Bundle, developer: str, stage: Stage) -> dict[str, str]:
    """The tags that a version begins with."""
    manifest = bundle.manifest
    return {
        tags.DIGEST: bundle.digest,
        tags.PLAN_HASH: manifest.plan_hash,
        tags.DEVELOPER: developer,
        tags.METRICS: metrics_text(manifest.metrics),
        tags.STAGE: stage,
        **{f"view_hash.{view}": digest for view, digest in manifest.view_hashes.items()},
    }


def metrics_text(metrics: Mapping[str, float]) -> str:
    """Figures as one tag holds them: JSON, names in order."""
    return msgspec.json.encode(metrics, order="sorted").decode()


def version_of(found: Any, aliases: Mapping[str, Any]) -> ModelVersion:
    """What MLflow says of a version, with the aliases of its model."""
    version, held = str(found.version), found.tags
    return ModelVersion(
        model=str(found.name),
        version=version,
        aliases=tuple(sorted(alias for alias, aliased in aliases.items() if str(aliased) == version)),
        digest=held.get(tags.DIGEST, ""),
        plan_hash=held.get(tags.PLAN_HASH, ""),
        developer=held.get(tags.DEVELOPER, ""),
        approval_status=held.get(tags.STAGE, ""),
        approved_by=held.get(tags.APPROVED_BY, ""),
        approval_timestamp=held.get(tags.APPROVED_AT, ""),
        performance_metrics=held.get(tags.METRICS, ""),
        created_us=int(found.creation_timestamp) * 1_000,
        papers=Papers(held.get(tags.PUBLISHED, ""), held.get(tags.APPROVED, "")),
    )
