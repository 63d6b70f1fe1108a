"""The heads of audit logs in the registry: a machine's own log is held against what another process keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from offline_training.audit import AUDIT_FILE, AuditLog, Head


class Heads(Protocol):
    """What is asked of a registry."""

    def read_heads(self, project: str) -> Sequence[Head]:
        """Of all logs of a project."""
        ...

    def write_head(self, project: str, head: Head) -> None:
        """Replace that of one log."""
        ...


class RegistryAnchor:
    """The anchor of a project's audit logs."""

    def __init__(self, registry: Heads, project: str) -> None:
        self._registry = registry
        self._project = project

    def read(self) -> Sequence[Head]:
        """See `offline_training.audit.Anchor`."""
        return self._registry.read_heads(self._project)

    def write(self, head: Head) -> None:
        """See `offline_training.audit.Anchor`."""
        self._registry.write_head(self._project, head)


def open_audit_log(state_dir: Path, registry: Heads, project: str) -> AuditLog:
    """The log in a project's state folder, of which the registry keeps the head."""
    return AuditLog(state_dir / AUDIT_FILE, RegistryAnchor(registry, project))
