"""What an audit log says that a project's models are by now: its entries, replayed through the stages of a version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from features.approval.stages import FIRST, MOVES, Stage
from features.routing import CHAMPION, Arm, arm_of
from offline_training.audit import AuditEntry
from offline_training.model_version import ModelVersion
from offline_training.review import BY_POLICY
from offline_training.standing import Standing


class Recorded(msgspec.Struct, kw_only=True):
    """A version as the log has it so far."""

    digest: str
    developer: str
    metrics: str
    signed: bool
    stage: Stage = FIRST
    approved_by: str = ""


class Replay:
    """Follows a log entry by entry.

    Attributes
    ----------
    versions
        By model and version.
    arms
        By model, the version of each arm.
    findings
        Entries that no version can have come by, for people.

    """

    def __init__(self, entries: Sequence[AuditEntry], people: Mapping[str, str]) -> None:
        self.versions: dict[tuple[str, str], Recorded] = {}
        self.arms: dict[str, dict[Arm, str]] = {}
        self.findings: list[str] = []
        for number, entry in enumerate(entries, start=1):
            problems = [*self._unsigned(entry, people), *self._take(entry)]
            self.findings += [f"entry {number} ({entry.event} {entry.model} {entry.version}): {p}" for p in problems]

    @staticmethod
    def _unsigned(entry: AuditEntry, people: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with a signature: it vouches for the whole log before it, by the hash that it names."""
        statement = entry.statement
        if statement is None:
            if entry.event in ("approve", "reject") and entry.by != BY_POLICY:
                yield f"{entry.by} has not signed it"
            return
        about = (statement.project, statement.model, statement.version, statement.digest, statement.by, statement.at)
        if about != (entry.project, entry.model, entry.version, entry.digest, entry.by, entry.at):
            yield "what was signed is about something else"
        if statement.log_head != entry.previous:
            yield "when it was signed, the log before it was another"
        if entry.by not in people:
            yield f"{entry.by} is not among people in model.yaml, so the signature proves nothing"
        elif not statement.is_by(people):
            yield f"it does not bear the signature of {entry.by}"

    def _take(self, entry: AuditEntry) -> Iterator[str]:
        if entry.event == "publish":
            yield from self._publish(entry)
            return
        if entry.event in ("forget", "route"):
            return
        found = self.versions.get((entry.model, entry.version))
        if found is None:
            yield "the version was never published"
        elif found.digest != entry.digest:
            yield "the version has another digest"
        else:
            yield from self._change(entry, found)

    def _publish(self, entry: AuditEntry) -> Iterator[str]:
        if (entry.model, entry.version) in self.versions:
            yield "the version was published before"
        self.versions[entry.model, entry.version] = Recorded(
            digest=entry.digest,
            developer=entry.detail.get("developer", ""),
            metrics=entry.detail.get("performance_metrics", ""),
            signed=entry.statement is not None,
        )

    def _change(self, entry: AuditEntry, found: Recorded) -> Iterator[str]:
        match entry.event:
            case "validate":
                yield from self._move(found, "validation")
                passed = entry.detail.get("outcome") == "pending_review"
                yield from self._move(found, "pending_review" if passed else "failed_validation")
            case "approve":
                found.approved_by = entry.by
                yield from self._decide(found, "approved")
            case "reject":
                yield from self._decide(found, "rejected")
            case "retire":
                self.arms.get(entry.model, {}).pop(arm_of(entry.detail["arm"]), None)
            case "promote" | "rollback":
                arm = arm_of(entry.detail.get("arm", CHAMPION))
                self.arms.setdefault(entry.model, {})[arm] = entry.version
                if arm == CHAMPION:
                    yield from self._enter_production(entry.model, found)

    def _enter_production(self, model: str, found: Recorded) -> Iterator[str]:
        for (other_model, _), other in self.versions.items():
            if other_model == model and other is not found and other.stage == "production":
                yield from self._move(other, "archived")
        if found.stage != "production":
            yield from self._move(found, "production")

    def _decide(self, found: Recorded, then: Stage) -> Iterator[str]:
        """The same decision again is that of a tool which ended between log and registry, and was called again."""
        if found.stage != then:
            yield from self._move(found, then)

    @staticmethod
    def _move(found: Recorded, then: Stage) -> Iterator[str]:
        if then not in MOVES[found.stage]:
            yield f"a version that is {found.stage} cannot become {then}"
        found.stage = then


class ExaminedRegistry(Protocol):
    """What is asked of a registry."""

    def standings(self, project: str) -> Sequence[Standing]:
        """Who serves as what, of all models of a project."""
        ...

    def list_models(self, project: str) -> Sequence[ModelVersion]:
        """Every version of the project's models."""
        ...


def examine(
    entries: Sequence[AuditEntry],
    registry: ExaminedRegistry,
    project: str,
    people: Mapping[str, str],
    by_people: Collection[str],
) -> list[str]:
    """What does not fit: in the log itself, in its signatures, between log and registry; for people.

    ``by_people`` are the models whose versions people approve.
    """
    replay = Replay(entries, people)
    arms = {standing.model: standing.arms for standing in registry.standings(project)}
    found = [*replay.findings, *unvouched(replay, people, by_people)]
    return [*found, *differences(replay, registry.list_models(project), arms)]


def unvouched(replay: Replay, people: Mapping[str, str], by_people: Collection[str]) -> Iterator[str]:
    """Versions that serve, or may, for which nobody has signed who should have: model sync lets none of them in."""
    for (model, version), recorded in replay.versions.items():
        if recorded.stage not in {"approved", "production"}:
            continue
        if people and not recorded.signed:
            yield f"nobody has signed that {model} {version} is published"
        if model in by_people and recorded.approved_by == BY_POLICY:
            yield f"{model} {version} was approved by {BY_POLICY}, where model.yaml asks people"


def differences(
    replay: Replay, versions: Sequence[ModelVersion], arms: Mapping[str, Mapping[Arm, str]]
) -> Iterator[str]:
    """Where the registry is not what the log says: something was done there, or left undone, beside the log.

    Parameters
    ----------
    replay
        The log.
    versions, arms
        The registry: every version, and by model the version of each arm.

    Yields
    ------
    str
        One difference, for people.

    """
    known = {(version.model, version.version): version for version in versions}
    for name, recorded in replay.versions.items():
        found = known.pop(name, None)
        if found is None:
            yield f"{' '.join(name)} is gone from the registry"
        else:
            yield from _of_version(found, recorded)
    for name in known:
        yield f"{' '.join(name)} is in the registry and was never published"
    for model in sorted(replay.arms.keys() | arms.keys()):
        serving, recorded_arms = arms.get(model, {}), replay.arms.get(model, {})
        for arm in sorted(serving.keys() | recorded_arms.keys()):
            now, then = serving.get(arm, "nobody"), recorded_arms.get(arm, "nobody")
            if now != then:
                yield f"{model}: {arm} is {now} in the registry, the log says {then}"


def _of_version(found: ModelVersion, recorded: Recorded) -> Iterator[str]:
    pairs = (
        ("digest", found.digest, recorded.digest),
        ("developer", found.developer, recorded.developer),
        ("performance_metrics", found.performance_metrics, recorded.metrics),
        ("approval_status", found.approval_status, recorded.stage),
        ("approved_by", found.approved_by, recorded.approved_by),
    )
    for tag, now, then in pairs:
        if now != then and (now, then) != ("validation", FIRST):  # which is in the log once it has ended
            yield f"{found} has the {tag} {now!r} in the registry, the log says {then!r}"
