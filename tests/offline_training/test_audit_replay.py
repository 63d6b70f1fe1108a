"""An audit log, replayed: every entry has to follow from those before it, as the stages of a version allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from features.approval.rules import Papers
from features.routing import Arm
from offline_training.audit import FIRST, AuditEntry, Event
from offline_training.audit_replay import Replay, differences
from offline_training.model_version import ModelVersion
from tests.features.approval.people import AT, PEOPLE, SUBJECT, said

PUBLISHED = {"developer": "ben", "performance_metrics": '{"accuracy":0.9}'}
WAITS = {"outcome": "pending_review"}


def entry(event: Event, by: str = "ben", version: str = "3", **changed: Any) -> AuditEntry:
    """One of a log whose chain is not looked at here."""
    fields: dict[str, Any] = {"model": "buys", "digest": SUBJECT.digest, "detail": {}, "previous": FIRST}
    return AuditEntry(at=AT, event=event, project="shop", version=version, by=by, **fields | changed)


def way(*events: tuple[Event, Mapping[str, str]], version: str = "3") -> list[AuditEntry]:
    """Steps of one version, approved by policy."""
    return [entry(event, "policy" if event == "approve" else "ben", version, detail=dict(d)) for event, d in events]


APPROVED = (("publish", PUBLISHED), ("validate", WAITS), ("approve", {}))
SERVING = (*APPROVED, ("promote", {"arm": "champion", "before": ""}))


def test_an_honest_log_has_no_findings() -> None:
    """Two versions, the second in the place of the first, and back."""
    back = entry("rollback", version="3")
    replay = Replay([*way(*SERVING), *way(*SERVING, version="4"), back], {})
    assert replay.findings == []
    assert {version: recorded.stage for (_, version), recorded in replay.versions.items()} == {
        "3": "production",
        "4": "archived",
    }
    assert replay.arms == {"buys": {"champion": "3"}}


@pytest.mark.parametrize(
    ("entries", "finding"),
    [
        (way(*SERVING[1:]), "the version was never published"),
        (way(*APPROVED[:1], *APPROVED[:1]), "the version was published before"),
        (way(APPROVED[0], APPROVED[2]), "a version that is staging cannot become approved"),
        (way(APPROVED[0], ("validate", {}), APPROVED[2]), "that is failed_validation cannot become approved"),
        (way(*APPROVED, ("reject", {})), "that is approved cannot become rejected"),
        (way(*APPROVED[:2], SERVING[3]), "that is pending_review cannot become production"),
        ([*way(*APPROVED), entry("promote", digest="e" * 64, detail={"arm": "champion"})], "has another digest"),
        ([*way(*APPROVED[:2]), entry("approve", "ann")], "ann has not signed it"),
        ([*way(*APPROVED[:2]), entry("reject", "ann")], "ann has not signed it"),
    ],
)
def test_an_entry_that_no_version_can_have_come_by_is_found(entries: Sequence[AuditEntry], finding: str) -> None:
    """Steps left out, steps twice, steps of another bundle, decisions of nobody."""
    assert any(finding in found for found in Replay(entries, PEOPLE).findings)


def test_a_training_that_was_killed_in_its_validation_is_no_finding() -> None:
    """The log has a validation once it has ended; a version that is in the middle of one serves nowhere."""
    replay, found = Replay(way(APPROVED[0]), {}), listed(approval_status="validation", approved_by="", aliases=())
    assert list(differences(replay, [found], {})) == []
    ahead = msgspec.structs.replace(found, approval_status="pending_review")
    assert len(list(differences(replay, [ahead], {}))) == 1


def signed(**changed: Any) -> list[AuditEntry]:
    """A log with an approval of ann's, changed after she signed."""
    approval = entry("approve", "ann", statement=said("ann", "approved"))
    return [*way(*APPROVED[:2]), msgspec.structs.replace(approval, **changed)]


def test_a_signature_is_held_against_its_entry() -> None:
    """Against who signed, what, and after which log."""
    assert Replay(signed(), PEOPLE).findings == []
    for changed, finding in (
        ({"by": "dan"}, "what was signed is about something else"),
        ({"previous": "1" * 64}, "when it was signed, the log before it was another"),
        ({"statement": msgspec.structs.replace(said("ann", "approved"), reason="x")}, "not bear the signature of ann"),
    ):
        assert any(finding in found for found in Replay(signed(**changed), PEOPLE).findings)
    assert "ann is not among people" in Replay(signed(), {}).findings[0]


def test_a_decision_that_was_made_again_is_no_finding() -> None:
    """The log is written first: who was cut off before the registry was told has to decide once more."""
    waits = way(*APPROVED[:2])
    approved = [*waits, *signed()[2:], *signed()[2:]]
    assert Replay(approved, PEOPLE).findings == []
    rejected = entry("reject", "ann", statement=said("ann", "rejected"))
    assert Replay([*waits, rejected, rejected], PEOPLE).findings == []
    (found,) = Replay([*approved, rejected], PEOPLE).findings
    assert "that is approved cannot become rejected" in found


def listed(**changed: Any) -> ModelVersion:
    """The registry's word for version 3."""
    fields: dict[str, Any] = {
        "aliases": ("champion",),
        "digest": SUBJECT.digest,
        "plan_hash": "",
        "developer": "ben",
        "approval_status": "production",
        "approved_by": "policy",
        "approval_timestamp": "",
        "performance_metrics": PUBLISHED["performance_metrics"],
        "created_us": 0,
        "papers": Papers(),
    }
    return ModelVersion(model="buys", version="3", **fields | changed)


ARMS: dict[str, dict[Arm, str]] = {"buys": {"champion": "3"}}


@pytest.mark.parametrize(
    ("versions", "arms", "finding"),
    [
        ([listed(digest="e" * 64)], ARMS, "buys 3 has the digest"),
        ([listed(developer="ann")], ARMS, "buys 3 has the developer 'ann' in the registry, the log says 'ben'"),
        ([listed(approved_by="ann")], ARMS, "buys 3 has the approved_by"),
        ([listed(approval_status="approved")], ARMS, "buys 3 has the approval_status"),
        ([listed(performance_metrics='{"accuracy":0.99}')], ARMS, "buys 3 has the performance_metrics"),
        ([], ARMS, "buys 3 is gone from the registry"),
        ([listed(), msgspec.structs.replace(listed(), version="4")], ARMS, "buys 4 is in the registry and was never"),
        ([listed()], {}, "buys: champion is nobody in the registry, the log says 3"),
        ([listed()], {"buys": {"champion": "3", "shadow": "3"}}, "buys: shadow is 3 in the registry, the log says nob"),
    ],
)
def test_a_registry_that_says_something_else_is_found(
    versions: Sequence[ModelVersion], arms: Mapping[str, Mapping[Arm, str]], finding: str
) -> None:
    """Each tag, each version, each arm; and nothing where they agree."""
    replay = Replay(way(*SERVING), {})
    assert list(differences(replay, [listed()], ARMS)) == []
    (found,) = differences(replay, versions, arms)
    assert finding in found
