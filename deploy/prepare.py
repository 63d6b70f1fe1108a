"""Makes a domain ready to run: declarations applied, topics there, logs adopted, births in the store.

``python -m deploy.prepare`` is the step of the supervisor between starting the servers and starting the rooms. Each
part finds what is already done and leaves it, so it may run at any time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.exit_codes import exit_code_of
from deploy.new_topics import create_topics
from features.bootstrap import Bootstrapped, ensure_births, rebuild_births, withdraw_births
from features.domain import project_name
from features.errors import MillstreamError
from features.lake import Lake, open_site_lake
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from features.plan import Plan, load_plan
from features.redis_store import RedisStore
from features.settings import Settings, load_settings
from features.stranded import find_stranded
from streams.logs import KafkaLogs


class Prepared(NamedTuple):
    """What had to be done."""

    created: list[str]
    births: list[Bootstrapped]


def read_topics(plan: Plan) -> list[str]:
    """The topics that the workers read: the domain's sources and the score records."""
    return [*(source.topic for source in plan.sources), SCORES_TOPIC]


async def prepare(plan: Plan, settings: Settings) -> Prepared:
    """Create topics that are missing, adopt their logs, and give each view a birth from the lake."""
    logs = KafkaLogs(settings.kafka.bootstrap_servers)
    store = RedisStore(plan.project, settings.store, key_ttl_s=plan.key_ttl_s)
    await store.connect()
    try:
        created = await create_topics(
            logs,
            store,
            [*read_topics(plan), DEAD_LETTERS_TOPIC],
            partitions=settings.kafka.partitions,
            note=settings.state_dir(plan.project) / "topics-being-created.json",
        )
        lake = open_site_lake(settings, plan.project)
        births = await ensure_births(store, lake, plan)
        births += await rebuild_births(store, lake, plan, await stranded_views(store, lake, plan, logs))
        await withdraw_births(store, plan)  # no worker of another plan runs yet
    finally:
        await store.close()
    return Prepared(created, births)


async def stranded_views(store: RedisStore, lake: Lake, plan: Plan, logs: KafkaLogs) -> list[str]:
    """Views whose states lack what the lake alone has: the store forgot it, and its log is gone."""
    live = await asyncio.to_thread(logs.describe, [source.topic for source in plan.sources])
    certificate, progress = await store.read_certificate(), await store.read_progress()
    found = {
        one.view
        for topic, info in live.items()
        for one in find_stranded(
            certificate=certificate,
            progress=progress,
            lake=lake,
            views=[view for view in plan.views if view.topic == topic],
            topic=topic,
            log=info.log,
        )
    }
    return sorted(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Apply the domain, unless told to keep its plan, and prepare it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.prepare", description=__doc__)
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--keep-plan", action="store_true")
    options = parser.parse_args(arguments)
    try:
        project = project_name(options.repo)
        settings = load_settings(project=project, repo=options.repo)
        state_dir = settings.state_dir(project)
        if options.keep_plan:
            plan = load_plan(state_dir / "plan.json")
        else:
            from features.compiler import apply_domain

            plan = apply_domain(options.repo, state_dir, settings.store)
        prepared = asyncio.run(prepare(plan, settings))
    except MillstreamError as error:
        print(f"millstream: {error}", file=sys.stderr)
        return exit_code_of(error)
    print(f"plan {plan.hash}, topics created: {prepared.created}, births made: {len(prepared.births)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
