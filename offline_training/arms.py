"""Who serves a model as what: promotion, rollback, retirement and routing, each in the audit log.

The registry holds the outcome, and every scorer follows it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, Protocol

import msgspec

from features.errors import RequestError
from features.routing import ARMS, CHALLENGER, CHAMPION, Arm, Routing
from offline_training.audit import AuditLog, Event
from offline_training.registry import REJECTED, ModelVersion, Standing


class ArmsRegistry(Protocol):
    """What is asked of a registry."""

    def standing(self, model: str) -> Standing:
        """Who serves a model as what; RequestError where there is no such model."""
        ...

    def version(self, model: str, version: str) -> ModelVersion:
        """One version of a model; RequestError where there is none of that number."""
        ...

    def promote(self, model: str, version: str, arm: Arm = CHAMPION) -> str | None:
        """Let a version serve as an arm; returns the version that did before."""
        ...

    def roll_back(self, model: str, champions: tuple[str, ...]) -> None:
        """Let the last of these serve again, and forget whatever came after it."""
        ...

    def retire(self, model: str, arm: Arm) -> None:
        """Leave an arm without a version."""
        ...

    def route(self, model: str, routing: Routing) -> None:
        """Share out a model's requests anew."""
        ...

    def approve(self, model: str, version: str, *, by: str) -> None:
        """Write down that somebody approves a version."""
        ...


class Arms:
    """Changes who serves the models of a project.

    Parameters
    ----------
    registry
        Holds the outcome.
    audit
        Told of each change once it has been made.
    project, by, at
        Whose models they are, who changes them, and when.

    """

    def __init__(self, registry: ArmsRegistry, audit: AuditLog, *, project: str, by: str, at: datetime) -> None:
        self._registry = registry
        self._audit = audit
        self._project = project
        self._by = by
        self._at = at

    def promote(self, model: str, version: str | None, arm: Arm, *, approve: bool = False) -> Standing:
        """Let a version serve as an arm; None: the challenger as champion.

        A version that becomes champion leaves the arms that it had, and the next challenger begins with no share.
        RequestError for one that its gates rejected, unless it is approved now.
        """
        standing = self._registry.standing(model)
        if version is None:
            version = _challenger(standing, arm)
        found = self._registry.version(model, version)
        if found.approval == REJECTED and arm in (CHAMPION, CHALLENGER):
            if not approve:
                raise RequestError("VERSION", f"{model} {version} was rejected by its gates", "approve it by --approve")
            self._registry.approve(model, version, by=self._by)
        before = self._registry.promote(model, version, arm)
        self._log("promote", model, found, arm=arm, before=before or "", approved=str(approve))
        if arm == CHAMPION:
            for other in ARMS[1:]:
                if standing.arms.get(other) == version:
                    self.retire(model, other)
        return self._registry.standing(model)

    def roll_back(self, model: str) -> Standing:
        """Let the champion before this one serve again; RequestError where none is known."""
        standing = self._registry.standing(model)
        serving, champions = standing.arms.get(CHAMPION), list(standing.champions)
        while champions and champions[-1] == serving:
            champions.pop()
        if not champions:
            raise RequestError("MODEL", f"{model} had no champion before {serving}", "name one: millstream promote")
        found = self._registry.version(model, champions[-1])
        self._registry.roll_back(model, tuple(champions))
        self._log("rollback", model, found, before=serving or "")
        return self._registry.standing(model)

    def retire(self, model: str, arm: Arm) -> Standing:
        """Leave challenger or shadow without a version; a challenger's share becomes nought first."""
        standing = self._registry.standing(model)
        if arm == CHAMPION:
            raise RequestError("--arm", "the champion cannot be retired", "promote another version, or roll back")
        version = standing.arms.get(arm)
        if version is None:
            raise RequestError("--arm", f"{model} has no {arm}", "see `millstream models`")
        if arm == CHALLENGER and standing.routing.challenger:
            self._registry.route(model, msgspec.structs.replace(standing.routing, challenger=0.0))
        self._registry.retire(model, arm)
        self._log("retire", model, self._registry.version(model, version), arm=arm)
        return self._registry.standing(model)

    def route(
        self,
        model: str,
        *,
        challenger: float | None = None,
        shadow: float | None = None,
        by: Sequence[str] | None = None,
        reshuffle: bool = False,
    ) -> Standing:
        """Share out a model's requests anew; None leaves as it is.

        Routing keys of another kind are dealt anew, as are all with ``reshuffle``; else only those move whose share
        does.
        """
        before = self._registry.standing(model).routing
        changes: dict[str, Any] = {"challenger": challenger, "shadow": shadow}
        if by is not None and tuple(by) != before.by:
            changes["by"], reshuffle = tuple(by), True
        if reshuffle or not before.salt:
            changes["salt"] = token_hex(8)
        try:
            routing = msgspec.structs.replace(
                before, **{name: value for name, value in changes.items() if value is not None}
            )
        except ValueError as error:
            raise RequestError("models route", str(error), "say a share from 0% to 100%") from error
        self._registry.route(model, routing)
        detail = {name: str(value) for name, value in msgspec.to_builtins(routing).items()}
        self._audit.append("route", at=self._at, project=self._project, by=self._by, model=model, detail=detail)
        return self._registry.standing(model)

    def _log(self, event: Event, model: str, version: ModelVersion, **detail: str) -> None:
        self._audit.append(
            event,
            at=self._at,
            project=self._project,
            model=model,
            version=version.version,
            digest=version.digest,
            by=self._by,
            detail=detail,
        )


def _challenger(standing: Standing, arm: Arm) -> str:
    """The version that is meant where none is named."""
    challenger = standing.arms.get(CHALLENGER)
    if arm != CHAMPION or challenger is None:
        raise RequestError("VERSION", "is missing", "name one, or promote the challenger once there is one")
    return challenger
