"""Who serves as what: promotion, rollback, retirement and routing, in a real registry and in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deploy.servers import MlflowServer
from features.approval.rules import Rules
from features.errors import CorruptError, RequestError
from features.routing import ARMS, CHALLENGER, CHAMPION, SHADOW, Routing
from offline_training.arms import Arms
from offline_training.audit import AuditLog
from offline_training.registry import Registry
from tests.grpc_api.shop import POLICY_SPEC

pytestmark = pytest.mark.servers
STAGES = ("approved", "approved", "approved", "pending_review", "failed_validation")
AT = datetime(2026, 1, 2, tzinfo=UTC)


class Desk(NamedTuple):
    """A model with five versions: three approved, one that waits for review, one that failed its validation."""

    arms: Arms
    registry: Registry
    audit: AuditLog
    model: str
    told: list[str]

    def stages(self) -> list[str]:
        """Of the versions, the first one first."""
        return [version.approval_status for version in reversed(self.registry.versions(self.model))]


@pytest.fixture
def desk(mlflow_server: MlflowServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A model of this test alone."""
    from mlflow import MlflowClient

    name = request.node.name[:60]
    client: Any = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    client.create_registered_model(name, tags={"project": "arms"})
    run = client.create_run("0")
    for number, stage in enumerate(STAGES, start=1):
        tags = {"digest": f"digest-{number}", "approval_status": stage}
        client.create_model_version(name, run.info.artifact_uri, run.info.run_id, tags=tags)
    registry, audit = Registry(mlflow_server.uri), AuditLog(tmp_path / "audit.jsonl")
    rules = Rules("arms", name, POLICY_SPEC, {})
    told: list[str] = []
    arms = Arms(registry, audit, lambda _model: rules, by="ann", at=AT, notify=told.append)
    yield Desk(arms, registry, audit, name, told)
    client.delete_registered_model(name)


def test_a_challenger_is_promoted_and_rolled_back(desk: Desk) -> None:
    """The champion goes back step by step; each change is in the audit log, with who made it."""
    for version in ("1", "2"):
        desk.arms.promote(desk.model, version, CHAMPION)
    desk.arms.promote(desk.model, "3", CHALLENGER)
    desk.arms.route(desk.model, challenger=0.5)
    standing = desk.arms.promote(desk.model, None, CHAMPION)
    assert (standing.arms, standing.routing.challenger) == ({CHAMPION: "3"}, 0.0)
    assert [desk.arms.roll_back(desk.model).arms[CHAMPION] for _ in range(2)] == ["2", "1"]
    with pytest.raises(RequestError, match="had no champion before 1"):
        desk.arms.roll_back(desk.model)
    entries = desk.audit.read()
    assert [entry.event for entry in entries] == [
        "promote", "promote", "promote", "route", "promote", "retire", "rollback", "rollback"
    ]  # fmt: skip
    assert {entry.by for entry in entries} == {"ann"}
    assert (entries[6].version, entries[6].digest, entries[6].detail["before"]) == ("2", "digest-2", "3")


def test_after_a_rollback_the_next_one_goes_on_from_there(desk: Desk) -> None:
    """What was left is forgotten; a version that was promoted again comes once for each time."""
    for version in ("1", "2", "1", "3"):
        desk.arms.promote(desk.model, version, CHAMPION)
    assert [desk.arms.roll_back(desk.model).arms[CHAMPION] for _ in range(3)] == ["1", "2", "1"]


def test_what_another_tool_made_champion_is_rolled_back_too(desk: Desk) -> None:
    """To the last that was promoted here."""
    from mlflow import MlflowClient

    desk.arms.promote(desk.model, "1", CHAMPION)
    MlflowClient(desk.registry.uri, desk.registry.uri).set_registered_model_alias(desk.model, CHAMPION, "2")
    assert desk.arms.roll_back(desk.model).arms == {CHAMPION: "1"}


def test_a_champion_is_in_production_and_those_before_it_in_the_archive(desk: Desk) -> None:
    """From where a rollback brings one back; a challenger stays what it was. People are told."""
    desk.arms.promote(desk.model, "1", CHAMPION)
    desk.arms.promote(desk.model, "2", CHAMPION)
    desk.arms.promote(desk.model, "3", CHALLENGER)
    assert desk.stages()[:3] == ["archived", "production", "approved"]
    desk.arms.roll_back(desk.model)
    assert desk.stages()[:3] == ["production", "archived", "approved"]
    desk.arms.promote(desk.model, "1", CHAMPION)
    assert desk.stages()[:3] == ["production", "archived", "approved"]
    assert desk.told[0] == f"{desk.model} 1 is in production, by ann"


def test_who_answers_was_approved(desk: Desk) -> None:
    """A shadow is heard by nobody, so one that waits for its review may be tried; one that failed may not."""
    for arm in (CHAMPION, CHALLENGER):
        with pytest.raises(RequestError, match=f"4 is pending_review, so it is no {arm}; millstream models approve"):
            desk.arms.promote(desk.model, "4", arm)
    assert desk.arms.promote(desk.model, "4", SHADOW).arms == {SHADOW: "4"}
    for arm in ARMS:
        with pytest.raises(RequestError, match="5 is failed_validation"):
            desk.arms.promote(desk.model, "5", arm)
    assert [entry.detail["arm"] for entry in desk.audit.read()] == [SHADOW]


def test_routing_keeps_its_salt_until_it_is_to_be_dealt_anew(desk: Desk) -> None:
    """A share moves alone; another kind of key, or `reshuffle`, takes another salt."""
    first = desk.arms.route(desk.model, challenger=0.1).routing
    more = desk.arms.route(desk.model, challenger=0.2, shadow=0.5).routing
    assert first.salt
    assert more == Routing(challenger=0.2, shadow=0.5, salt=first.salt)
    assert desk.arms.route(desk.model, reshuffle=True).routing.salt != first.salt
    by = desk.arms.route(desk.model, by=["user"]).routing
    assert (by.by, by.challenger) == (("user",), 0.2)
    assert desk.arms.route(desk.model, by=["user"]).routing == by
    with pytest.raises(RequestError, match="a share is from 0 to 1"):
        desk.arms.route(desk.model, challenger=2.0)


def test_an_arm_is_retired(desk: Desk) -> None:
    """All but the champion; the next challenger begins with no share. A log that takes no entry changes nothing."""
    desk.arms.promote(desk.model, "1", CHAMPION)
    desk.arms.promote(desk.model, "2", CHALLENGER)
    desk.arms.route(desk.model, challenger=0.3)
    whole = desk.audit.path.read_bytes()
    desk.audit.path.write_bytes(whole[:-20])
    with pytest.raises(CorruptError, match=r"audit\.jsonl"):
        desk.arms.retire(desk.model, CHALLENGER)
    assert desk.registry.standing(desk.model).routing.challenger == 0.3
    desk.audit.path.write_bytes(whole)
    standing = desk.arms.retire(desk.model, CHALLENGER)
    assert (standing.arms, standing.routing.challenger) == ({CHAMPION: "1"}, 0.0)
    with pytest.raises(RequestError, match="has no challenger"):
        desk.arms.retire(desk.model, CHALLENGER)
    with pytest.raises(RequestError, match="cannot be retired"):
        desk.arms.retire(desk.model, CHAMPION)


def test_what_is_not_there_is_named(desk: Desk) -> None:
    """A model, a version, a challenger."""
    with pytest.raises(RequestError, match="'nobody' is not in the registry"):
        desk.arms.roll_back("nobody")
    with pytest.raises(RequestError, match=r"no version '9'.*there are 1, 2, 3, 4, 5"):
        desk.arms.promote(desk.model, "9", CHAMPION)
    with pytest.raises(RequestError, match="name one"):
        desk.arms.promote(desk.model, None, CHAMPION)


def test_all_that_serves_is_listed(desk: Desk) -> None:
    """By model, with shares for people."""
    desk.arms.promote(desk.model, "1", CHAMPION)
    desk.arms.promote(desk.model, "2", CHALLENGER)
    desk.arms.route(desk.model, challenger=0.25)
    (standing,) = [each for each in desk.registry.standings("arms") if each.model == desk.model]
    assert [line.split(maxsplit=1)[1] for line in standing.lines()] == [
        "1 serves as champion, 0.75 of all by entity",
        "2 serves as challenger, 0.25 of all by entity",
    ]
