"""How long the lake keeps records where several plans run."""

from __future__ import annotations

import msgspec

from deploy.expiry import longest_retention_us
from tests.features.test_verify import DAY_US, PLAN


def test_a_topic_is_kept_as_long_as_any_plan_asks() -> None:
    """A plan that reads it and sets no retention keeps it for ever; one that does not read it has no say."""
    short, long = (msgspec.structs.replace(PLAN, retention_us={"readings": days * DAY_US}) for days in (30, 90))
    elsewhere = msgspec.structs.replace(PLAN, sources=(msgspec.structs.replace(PLAN.sources[0], topic="other"),))
    assert longest_retention_us([short]) == {"readings": 30 * DAY_US}
    assert longest_retention_us([short, long]) == longest_retention_us([long, short]) == {"readings": 90 * DAY_US}
    assert longest_retention_us([short, PLAN]) == {}
    assert longest_retention_us([short, elsewhere]) == {"readings": 30 * DAY_US}
