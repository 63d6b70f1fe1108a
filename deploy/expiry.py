"""Retention of the lake: what the domain's tags and the settings no longer keep is dropped."""

from __future__ import annotations

from collections.abc import Sequence

from features.clock import SystemClock
from features.lake import open_site_lake
from features.lake.expiry import Expired
from features.nouns import SCORES_TOPIC
from features.plan import Plan
from features.settings import Settings

DAY_US = 86_400_000_000


def drop_expired_files(settings: Settings, plans: Sequence[Plan]) -> dict[str, Expired]:
    """Drop whole files that are older than their topic's retention; what was dropped, by topic.

    ``plans`` are those of `features.plan_shelf.live_plans`.
    """
    kept_us = longest_retention_us(plans)
    if settings.lake.scores_retention_days is not None:
        kept_us[SCORES_TOPIC] = settings.lake.scores_retention_days * DAY_US
    lake, now_us = open_site_lake(settings, plans[0].project), SystemClock().now_us()
    return {topic: lake.expire(topic, now_us - keep_us) for topic, keep_us in kept_us.items()}


def longest_retention_us(plans: Sequence[Plan]) -> dict[str, int]:
    """How long records of each topic are kept: as long as any plan that reads it asks; none where one says for ever."""
    kept_us: dict[str, int] = {}
    for topic in {source.topic for plan in plans for source in plan.sources}:
        asked = [plan.retention_us.get(topic) for plan in plans if any(each.topic == topic for each in plan.sources)]
        limits = [limit for limit in asked if limit is not None]
        if len(limits) == len(asked):
            kept_us[topic] = max(limits)
    return dict(sorted(kept_us.items()))
