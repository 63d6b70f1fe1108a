"""Whether the workers of a plan have caught up, as the store's progress has it: wherever they run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from deploy.log_ends import Ends, read_ends
from features.bootstrap import adopted_log, birth_of
from features.errors import NotServingError
from features.plan import Plan
from features.settings import Settings
from features.store import Store
from streams.logs import KafkaLogs

POLL_S = 0.1
NEAR_S = 5.0
"""Who needs no longer than this for what has come meanwhile, is close behind."""


async def behind(store: Store, plan: Plan, ends: Ends) -> int:
    """Records below these ends that some view of the plan has not applied for good."""
    certificate, progress = await store.read_certificate(), await store.read_progress()
    most = 0
    for view in plan.views:
        birth = birth_of(certificate, view)
        missing = 0
        for (topic, log, partition), end in ends.items():
            if topic in view.topics:
                start = adopted_log(certificate, topic, log).start.get(partition, 0)
                reached = progress.get((birth.id, log, partition), birth.cut.get(log, {}).get(partition, start))
                missing += max(0, end - reached)
        most = max(most, missing)
    return most


async def wait_until_fed(
    store: Store, settings: Settings, plan: Plan, *, deadline_s: float, say: Callable[[str], None]
) -> None:
    """Return once every view of the plan is close behind the broker; NotServingError when nothing moves for so long."""
    logs = KafkaLogs(settings.kafka.bootstrap_servers)
    topics = [source.topic for source in plan.sources]
    took_s = NEAR_S
    while took_s >= NEAR_S:
        began_s = time.monotonic()
        ends = await asyncio.to_thread(read_ends, settings.kafka.bootstrap_servers, logs, topics)
        say(f"{await behind(store, plan, ends):,} records to catch up with")
        await _wait_for(store, plan, ends, deadline_s)
        took_s = time.monotonic() - began_s


async def _wait_for(store: Store, plan: Plan, ends: Ends, deadline_s: float) -> None:
    least, moved_s = None, time.monotonic()
    while missing := await behind(store, plan, ends):
        if least is None or missing < least:
            least, moved_s = missing, time.monotonic()
        elif time.monotonic() - moved_s > deadline_s:
            problem = f"{missing} records are not applied and nothing moved for {deadline_s:.0f} s"
            raise NotServingError(f"workers of plan {plan.hash}", problem)
        await asyncio.sleep(POLL_S)
