"""The way of a version to its approval: judged by the automatic checks, then by a person, each step in the audit log.

The log is written first and the registry after it, so what the registry holds beyond the log came another way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import msgspec

from features.approval import tags
from features.approval.checks import Check, check_bundle
from features.approval.identity import Identity
from features.approval.rules import Rules
from features.approval.signing import KEY_SETTING
from features.approval.stages import FIRST, Stage, require_move
from features.approval.statements import Kind, Statement
from features.bundle import Bundle, read_bundle
from features.errors import NotApprovedError, RequestError
from offline_training.audit import AuditLog, Event
from offline_training.model_version import ModelVersion, metrics_text
from offline_training.notification import Notify

BY_POLICY = "policy"
"""Who approves where the domain says so: the automatic checks."""


class ReviewRegistry(Protocol):
    """What is asked of a registry."""

    def version(self, model: str, version: str) -> ModelVersion:
        """One version of a model; RequestError where there is none of that number."""
        ...

    def download(self, model: str, version: str, folder: Path) -> Path:
        """Fetch a version's bundle below a folder, and where it is then."""
        ...

    def tag(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Write tags of a version."""
        ...


class Reviewed(NamedTuple):
    """Where a version is now, and what the checks of its bundle say."""

    version: str
    stage: Stage
    checks: Sequence[Check]


class Review:
    """Judges versions of one model.

    Parameters
    ----------
    registry
        Holds the outcome.
    audit
        Told of each step before it is made.
    rules
        What the domain asks for.
    who, at
        Who acts, and when.
    notify
        Tells people what became of a version, or that it waits for them.

    """

    def __init__(
        self, registry: ReviewRegistry, audit: AuditLog, rules: Rules, who: Identity, *, at: datetime, notify: Notify
    ) -> None:
        self._registry = registry
        self._audit = audit
        self._rules = rules
        self._who = who
        self._at = at
        self._notify = notify

    def submit(self, version: str, bundle: Bundle, detail: Mapping[str, str]) -> Reviewed:
        """Bring a new version from staging to where it waits for a person, or to its end; by policy to its approval.

        ``detail`` is what the audit log is to hold of how it came about.
        """
        spec, digest = self._rules.spec, bundle.digest
        told = {**detail, "developer": self._who.name, "performance_metrics": metrics_text(bundle.manifest.metrics)}
        statement = self._log("publish", version, digest, told, kind="published" if self._rules.people else None)
        if statement is not None:
            self._registry.tag(self._rules.model, version, {tags.PUBLISHED: _text(statement)})
        self._move(version, FIRST, "validation")
        checks = check_bundle(bundle, spec)
        failed = "; ".join(str(check) for check in checks if not check.passed)
        stage: Stage = "failed_validation" if failed else "pending_review"
        self._log("validate", version, digest, {"outcome": stage, **{check.name: str(check) for check in checks}})
        self._move(version, "validation", stage)
        if failed:
            self._notify(f"{self._rules.model} {version} failed its validation: {failed}")
        elif spec.approval == "policy":
            self._log("approve", version, digest, {}, by=BY_POLICY)
            self._move(version, stage, "approved", by=BY_POLICY)
            stage = "approved"
        else:
            self._notify(
                f"{self._rules.model} {version} by {self._who.name} waits for review: "
                f"millstream models approve {self._rules.model} {version}"
            )
        return Reviewed(version, stage, checks)

    def approve(self, version: str, reason: str = "") -> Reviewed:
        """Sign that a version which waits for review may serve, after its bundle was checked here once more."""
        found = self._waiting(version, "approved")
        published = self._rules.require_published(found.papers, self._rules.subject(version, found.digest))
        if published is not None and published.by == self._who.name:
            raise RequestError("approval", f"{self._who.name} trained {found}", "somebody else has to approve it")
        with TemporaryDirectory(prefix="millstream-review-") as scratch:
            bundle = read_bundle(self._registry.download(self._rules.model, version, Path(scratch)))
            if bundle.digest != found.digest:
                raise NotApprovedError(str(found), f"has digest {bundle.digest[:16]}…, not {found.digest[:16]}…")
            checks = self._rules.require_sound(bundle)
        statement = self._log("approve", version, found.digest, _because(reason), kind="approved", reason=reason)
        assert statement is not None  # a kind was named
        self._registry.tag(self._rules.model, version, {tags.APPROVED: _text(statement)})
        self._move(version, found.stage, "approved", by=self._who.name)
        self._notify(f"{found} was approved by {self._who.name}: millstream promote {found}")
        return Reviewed(version, "approved", checks)

    def reject(self, version: str, reason: str) -> Reviewed:
        """Sign that a version which waits for review may never serve."""
        found = self._waiting(version, "rejected")
        self._log("reject", version, found.digest, _because(reason), kind="rejected", reason=reason)
        self._move(version, found.stage, "rejected")
        self._notify(f"{found} was rejected by {self._who.name}: {reason}")
        return Reviewed(version, "rejected", ())

    def _waiting(self, version: str, then: Stage) -> ModelVersion:
        """A version that this person may decide on now."""
        approvers = self._rules.spec.approvers
        if self._who.key is None or self._who.name not in approvers:
            named = ", ".join(approvers) or "nobody yet: name some in model.yaml"
            raise RequestError(
                "approval",
                f"{self._who.name} does not act as an approver of {self._rules.model}",
                f"{KEY_SETTING} has to name the key of one; they are {named}",
            )
        found = self._registry.version(self._rules.model, version)
        require_move(str(found), found.stage, then)
        return found

    def _move(self, version: str, now: Stage, then: Stage, *, by: str = "") -> None:
        """Write the next stage of a version, and who approved it where somebody has."""
        require_move(f"{self._rules.model} {version}", now, then)
        approved = {tags.APPROVED_BY: by, tags.APPROVED_AT: self._at.isoformat()} if by else {}
        self._registry.tag(self._rules.model, version, {**approved, tags.STAGE: then})

    def _log(
        self,
        event: Event,
        version: str,
        digest: str,
        detail: Mapping[str, str],
        *,
        by: str = "",
        kind: Kind | None = None,
        reason: str = "",
    ) -> Statement | None:
        """Enter a step; with a kind, signed by who acts."""
        about: dict[str, Any] = {
            "project": self._rules.project,
            "model": self._rules.model,
            "version": version,
            "digest": digest,
            "by": by or self._who.name,
            "at": self._at,
        }

        def sign(log_head: str) -> Statement | None:
            if kind is None:
                return None
            return self._who.sign(Statement(kind=kind, log_head=log_head, reason=reason, **about))

        return self._audit.append(event, detail=dict(detail), sign=sign, **about).statement


def _because(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


def _text(statement: Statement) -> str:
    return msgspec.json.encode(statement).decode()
