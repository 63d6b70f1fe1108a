"""Who serves a model as what: promotion, rollback, retirement and routing, each in the audit log.

The log is written first, then the registry, where every scorer follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, Protocol

import msgspec

from features.approval import tags
from features.approval.rules import Rules
from features.approval.stages import Stage, may_serve, require_move
from features.errors import RequestError
from features.routing import ARMS, CHALLENGER, CHAMPION, Arm, Routing
from offline_training.audit import AuditLog, Event
from offline_training.model_version import ModelVersion
from offline_training.notification import Notify
from offline_training.standing import Standing


class ArmsRegistry(Protocol):
    """What is asked of a registry."""

    def standing(self, model: str) -> Standing:
        """Who serves a model as what; RequestError where there is no such model."""
        ...

    def version(self, model: str, version: str) -> ModelVersion:
        """One version of a model; RequestError where there is none of that number."""
        ...

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """Every version of a model; RequestError where there is no such model."""
        ...

    def promote(self, model: str, version: str, arm: Arm = CHAMPION) -> None:
        """Let a version serve as an arm."""
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

    def tag(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Write tags of a version."""
        ...


class Arms:
    """Changes who serves the models of a project.

    Parameters
    ----------
    registry
        Holds the outcome.
    audit
        Told of each change before it is made.
    rules
        What the domain asks of the versions of a model.
    by, at
        Who changes something, and when.
    notify
        Tells people of each new champion.

    """

    def __init__(
        self,
        registry: ArmsRegistry,
        audit: AuditLog,
        rules: Callable[[str], Rules],
        *,
        by: str,
        at: datetime,
        notify: Notify,
    ) -> None:
        self._registry = registry
        self._audit = audit
        self._rules = rules
        self._by = by
        self._at = at
        self._notify = notify

    def promote(self, model: str, version: str | None, arm: Arm) -> Standing:
        """Let a version serve as an arm; None: the challenger as champion.

        A version that becomes champion leaves the arms that it had, and the next challenger begins with no share.
        RequestError for one that has not come so far, NotApprovedError where the signatures to that are missing.
        """
        standing = self._registry.standing(model)
        if version is None:
            version = _challenger(standing, arm)
        found = self._registry.version(model, version)
        self._require(found, arm)
        self._log("promote", model, found, arm=arm, before=standing.arms.get(arm, ""))
        if arm == CHAMPION:
            self._enter_production(found)
        self._registry.promote(model, version, arm)
        if arm == CHAMPION:
            self._archive_others(found)
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
        self._require(found, CHAMPION)
        self._log("rollback", model, found, before=serving or "")
        self._enter_production(found)
        self._registry.roll_back(model, tuple(champions))
        self._archive_others(found)
        return self._registry.standing(model)

    def retire(self, model: str, arm: Arm) -> Standing:
        """Leave challenger or shadow without a version; a challenger's share becomes nought first."""
        standing = self._registry.standing(model)
        if arm == CHAMPION:
            raise RequestError("--arm", "the champion cannot be retired", "promote another version, or roll back")
        version = standing.arms.get(arm)
        if version is None:
            raise RequestError("--arm", f"{model} has no {arm}", "see `millstream models`")
        self._log("retire", model, self._registry.version(model, version), arm=arm)
        if arm == CHALLENGER and standing.routing.challenger:
            self._registry.route(model, msgspec.structs.replace(standing.routing, challenger=0.0))
        self._registry.retire(model, arm)
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
        detail = {name: str(value) for name, value in msgspec.to_builtins(routing).items()}
        project = self._rules(model).project
        self._audit.append("route", at=self._at, project=project, by=self._by, model=model, detail=detail)
        self._registry.route(model, routing)
        return self._registry.standing(model)

    def _require(self, found: ModelVersion, arm: Arm) -> None:
        """Refuse a version that may not be this arm, by its stage and by what people have signed."""
        if not may_serve(found.stage, arm):
            remedy = (
                f"millstream models approve {found}" if found.stage == "pending_review" else "train another version"
            )
            raise RequestError("VERSION", f"{found} is {found.stage}, so it is no {arm}", remedy)
        rules = self._rules(found.model)
        rules.require_signed(found.papers, rules.subject(found.version, found.digest), arm)

    def _enter_production(self, found: ModelVersion) -> None:
        """Move a version into production before it is champion: model sync lets no other be one."""
        if found.stage != "production":
            self._move(found, "production")

    def _archive_others(self, found: ModelVersion) -> None:
        """Move whatever else was in production to the archive, now that this one is champion."""
        for other in self._registry.versions(found.model):
            if other.approval_status == "production" and other.version != found.version:
                self._move(other, "archived")
        self._notify(f"{found} is in production, by {self._by}")

    def _move(self, version: ModelVersion, then: Stage) -> None:
        require_move(str(version), version.stage, then)
        self._registry.tag(version.model, version.version, {tags.STAGE: then})

    def _log(self, event: Event, model: str, version: ModelVersion, **detail: str) -> None:
        self._audit.append(
            event,
            at=self._at,
            project=self._rules(model).project,
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
