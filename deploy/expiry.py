"""Retention of the lake: what the domain's tags and the settings no longer keep is dropped."""

from __future__ import annotations

from features.clock import SystemClock
from features.lake import open_site_lake
from features.lake.expiry import Expired
from features.nouns import SCORES_TOPIC
from features.plan import Plan
from features.settings import Settings

DAY_US = 86_400_000_000


def drop_expired_files(settings: Settings, plan: Plan) -> dict[str, Expired]:
    """Drop whole files that are older than their topic's retention; what was dropped, by topic."""
    kept_us = dict(plan.retention_us)
    if settings.lake.scores_retention_days is not None:
        kept_us[SCORES_TOPIC] = settings.lake.scores_retention_days * DAY_US
    lake, now_us = open_site_lake(settings, plan.project), SystemClock().now_us()
    return {topic: lake.expire(topic, now_us - keep_us) for topic, keep_us in kept_us.items()}
