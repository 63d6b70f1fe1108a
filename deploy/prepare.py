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

from deploy.births import ensure_births_in_force
from deploy.exit_codes import exit_code_of
from deploy.new_topics import create_topics
from deploy.only_one import only_one
from deploy.served_models import needed_plans
from features.bootstrap import Bootstrapped, rebuild_births
from features.domain import project_name
from features.errors import BundleCorruptError, MillstreamError
from features.lake import Lake, open_site_lake
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from features.plan import Plan
from features.plan_shelf import InForce, fed_plans, plans_in_force, put_in_force, read_in_force, shelved_plan
from features.redis_store import RedisStore
from features.settings import Settings, load_settings
from features.store import Store
from features.stranded import find_stranded
from features.succession import serve_births, withdraw_births
from features.sweep import sweep
from streams.logs import KafkaLogs


class Prepared(NamedTuple):
    """What had to be done."""

    created: list[str]
    births: list[Bootstrapped]


def read_topics(plan: Plan) -> list[str]:
    """The topics that the workers read: the domain's sources and the score records."""
    return [*(source.topic for source in plan.sources), SCORES_TOPIC]


def fed_topics(state_dir: Path) -> list[str]:
    """The topics that the workers of all plans read, each once."""
    plans = [shelved_plan(state_dir, plan_hash) for plan_hash in fed_plans(state_dir, plans_in_force(state_dir))]
    return list(dict.fromkeys(topic for plan in plans for topic in read_topics(plan)))


async def create_missing_topics(store: Store, settings: Settings, plan: Plan) -> list[str]:
    """Create the topics of a plan that are missing, and adopt their logs; those that were created."""
    return await create_topics(
        KafkaLogs(settings.kafka.bootstrap_servers),
        store,
        [*read_topics(plan), DEAD_LETTERS_TOPIC],
        partitions=settings.kafka.partitions,
        note=settings.state_dir(plan.project) / "topics-being-created.json",
    )


async def prepare(state_dir: Path, settings: Settings, project: str, *, alone: bool) -> Prepared:
    """Create topics that are missing, adopt their logs, and give each view of the plans in force a birth from the lake.

    ``alone`` says that no worker runs: then births that nobody needs any more go. No births are made beside a roll-out
    or backfill, which is waited for; where workers run, UnavailableError says to come again, for the supervisor has to
    start those of a roll-out meanwhile. Topics are made at once: its workers may be waiting for these.
    """
    store = RedisStore(project, settings.store)
    await store.connect()
    try:
        created = [
            topic
            for plan in shelved_in_force(state_dir)
            for topic in await create_missing_topics(store, settings, plan)
        ]
        with only_one(state_dir, wait=alone):
            births = await prepare_births(store, state_dir, settings, project)
            if alone:
                plans = shelved_in_force(state_dir)
                await serve_births(store, open_site_lake(settings, project), plans[0])
                await withdraw_births(store, plans)
                await sweep(store)
    finally:
        await store.close()
    return Prepared(created, births)


async def prepare_births(store: RedisStore, state_dir: Path, settings: Settings, project: str) -> list[Bootstrapped]:
    """Births for views of the plans in force that lack one, or whose states lack what the lake has."""
    births = await ensure_births_in_force(store, settings, state_dir)
    lake, logs = open_site_lake(settings, project), KafkaLogs(settings.kafka.bootstrap_servers)
    for plan in shelved_in_force(state_dir):
        births += await rebuild_births(store, lake, plan, await stranded_views(store, lake, plan, logs))
    return births


def shelved_in_force(state_dir: Path) -> list[Plan]:
    """The plans in force, the serving one first."""
    return [shelved_plan(state_dir, plan_hash) for plan_hash in plans_in_force(state_dir).plans]


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
            views=plan.views_of(topic),
            topic=topic,
            log=info.log,
        )
    }
    return sorted(found)


def succeed(state_dir: Path, plan: Plan) -> InForce:
    """Put a plan in force while nothing runs; of those before it, what a champion needs is kept."""
    before = read_in_force(state_dir) or InForce(serving=plan.hash)
    others = [plan_hash for plan_hash in before.plans if plan_hash != plan.hash]
    previous = before.previous if before.serving == plan.hash else before.serving
    try:
        kept = tuple(needed_plans(state_dir, plan.hash, others))
    except BundleCorruptError:  # model sync will fetch it again; what it needs shows then
        kept = tuple(others)
    in_force = InForce(serving=plan.hash, kept=kept, previous=previous)
    put_in_force(state_dir, in_force)
    return in_force


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
        if not options.keep_plan:
            from features.compiler import apply_domain

            succeed(state_dir, apply_domain(options.repo, state_dir, settings.store))
        prepared = asyncio.run(prepare(state_dir, settings, project, alone=not options.keep_plan))
    except MillstreamError as error:
        print(f"millstream: {error}", file=sys.stderr)
        return exit_code_of(error)
    plan_hash = plans_in_force(state_dir).serving
    print(f"plan {plan_hash}, topics created: {prepared.created}, births made: {len(prepared.births)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
