"""Whom `forget` is told to forget, and what it enters in the audit log."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.forgetting import enter, forget_entity, read_entity
from deploy.only_one import only_one
from deploy.verbs.forgetting import retention
from features.erasure import Erasure
from features.errors import RequestError, UnavailableError
from features.forgetting import Forgotten
from features.plan import EntityKeyPlan
from features.settings import Settings
from offline_training.audit import AUDIT_FILE, AuditLog
from tests.features.test_verify import PLAN, VIEW

KEYS = (EntityKeyPlan(name="customer_id", type="string"), EntityKeyPlan(name="shop", type="int64"))
BOTH = msgspec.structs.replace(PLAN, views=(msgspec.structs.replace(VIEW, keys=KEYS),))


def test_an_entity_is_named_by_its_keys() -> None:
    """With or without their `_id`, each value in its key's type; a value may hold what it likes."""
    assert read_entity(["customer=a=b", "shop=-7"], [BOTH]) == {"customer_id": "a=b", "shop": -7}
    assert read_entity(["customer_id=007"], [BOTH]) == {"customer_id": "007"}


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["colour=red"], "colour: is no join key of this domain; it has customer_id, shop"),
        (["customer"], "is no key and value"),
        (["customer="], "is no key and value"),
        (["shop=seven"], "'seven' is no int64"),
        (["shop=1", "shop=2"], "given twice"),
    ],
)
def test_what_names_nobody_is_refused(texts: list[str], says: str) -> None:
    """The message says which part, and what there is."""
    with pytest.raises(RequestError) as refused:
        read_entity(texts, [BOTH])
    assert says in str(refused.value)


async def test_one_erasure_at_a_time(tmp_path: Path) -> None:
    """Nor beside a roll-out or a backfill: each would overwrite what the other has noted."""
    settings = Settings(var=tmp_path)
    with only_one(settings.state_dir("plant")), pytest.raises(UnavailableError, match="under way"):
        await forget_entity(settings, [BOTH], {"shop": 7})
    assert [path.name for path in (tmp_path / "plant").iterdir()] == ["plans"]


def test_the_audit_log_holds_hash_and_counts(tmp_path: Path) -> None:
    """One entry an erasure, in the chain of all others."""
    erasure = Erasure(id="e", keys=("shop",), hash="ab" * 32, at_us=1, ends={"t": {"l": {0: 5}}})
    counts = {name: i for i, name in enumerate(Forgotten.__struct_fields__) if name != "erasures"}
    audit = AuditLog(tmp_path / AUDIT_FILE)
    enter(audit, "plant", Forgotten(erasures=(erasure, erasure), **counts))
    entries = audit.read()
    assert [entry.event for entry in entries] == ["forget", "forget"]
    assert entries[1].previous == entries[0].hash
    detail = entries[0].detail
    assert (detail["hash"], detail["ends"], detail["keys"]) == ("ab" * 32, '{"t":{"l":{"0":5}}}', "shop")
    assert detail["rows_erased"] == str(counts["rows_erased"])


def test_retention_is_told_in_days() -> None:
    """As Kafka's setting says it, and as people do."""
    assert retention(604_800_000) == "retention.ms=604800000 (7 days)"
    assert retention(-1) == "for ever"
    assert retention(None) == "the broker does not say how long"
