"""What the verbs of models work with: the registry, the audit log held against it, and who acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deploy.invocation import Invocation
from features.approval.identity import Identity, identity
from features.approval.rules import rules_of
from offline_training.arms import Arms
from offline_training.audit_replay import examine
from offline_training.notification import open_notify
from offline_training.registry import Registry
from offline_training.registry_anchor import open_audit_log
from offline_training.review import Review


class ModelDesk:
    """Whoever calls, at the registry of their domain."""

    def __init__(self, call: Invocation) -> None:
        self.registry = Registry(call.reaching("registry").registry.uri)
        self._domain = call.domain
        self._settings = call.settings.approval
        self._audit = open_audit_log(call.state_dir, self.registry, call.project)

    @property
    def who(self) -> Identity:
        """Who calls."""
        return identity(self._settings.key, self._domain.people)

    def arms(self) -> Arms:
        """Who serves the domain's models."""
        return Arms(
            self.registry,
            self._audit,
            lambda model: rules_of(self._domain, model),
            by=self.who.name,
            at=datetime.now(UTC),
            notify=open_notify(self._settings),
        )

    def review(self, model: str) -> Review:
        """Who approves of a model's versions."""
        rules, notify = rules_of(self._domain, model), open_notify(self._settings)
        return Review(self.registry, self._audit, rules, self.who, at=datetime.now(UTC), notify=notify)

    def audit(self) -> Mapping[str, Any]:
        """What the log holds, and what does not fit: in itself, with its signatures, with the registry."""
        entries, domain = self._audit.read(), self._domain
        by_people = [name for name, spec in domain.models.items() if spec.approval == "human"]
        return {
            "file": str(self._audit.path),
            "entries": len(entries),
            "signatures": sum(entry.statement is not None for entry in entries),
            "head": entries[-1].hash if entries else "",
            "findings": examine(entries, self.registry, domain.project, domain.people, by_people),
        }
