"""Forgetting an entity from the command line: the site's neighbours around `features.forgetting`, and the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from deploy.log_ends import read_ends
from deploy.only_one import only_one
from features.approval.identity import user_name
from features.clock import SystemClock
from features.erasure import Erasure
from features.erasure_key import make_erasure_key
from features.errors import RequestError
from features.forgetting import Forgetter, Forgotten, Neighbours
from features.lake import open_site_lake
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC, KeyValue
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import Settings
from offline_training.audit import AuditLog
from offline_training.registry import Registry
from offline_training.registry_anchor import open_audit_log
from streams.logs import KafkaLogs


async def forget_entity(settings: Settings, plans: Sequence[Plan], entity: Mapping[str, KeyValue] | None) -> Forgotten:
    """Forget this entity, or carry out again what was recorded before (None), and enter it in the audit log.

    ``plans`` are those of `features.plan_shelf.live_plans`. UnavailableError while another erasure, a roll-out or a
    backfill is under way, or the registry is down, which keeps the log's head; CorruptError for a log that takes no
    entry. Either comes before anything is erased.
    """
    project = plans[0].project
    state_dir = settings.state_dir(project)
    audit = open_audit_log(state_dir, Registry(settings.registry.uri), project)
    with only_one(state_dir):
        await asyncio.to_thread(audit.read)
        forgotten = await _forget(settings, plans, entity)
    await asyncio.to_thread(enter, audit, project, forgotten)
    return forgotten


async def _forget(settings: Settings, plans: Sequence[Plan], entity: Mapping[str, KeyValue] | None) -> Forgotten:
    plan = plans[0]
    logs = KafkaLogs(settings.kafka.bootstrap_servers)
    store = RedisStore(plan.project, settings.store)
    key = make_erasure_key(settings, plan.project)
    neighbours = Neighbours(
        store=store,
        lake=open_site_lake(settings, plan.project),
        read_ends=lambda topics: topic_ends(settings, logs, topics),
        clock=SystemClock(),
    )
    forgetter = Forgetter(plans, neighbours, key=key)
    await store.connect()
    try:
        return await (forgetter.carry_out_again() if entity is None else forgetter.forget(entity))
    finally:
        await store.close()


def enter(audit: AuditLog, project: str, forgotten: Forgotten) -> None:
    """Enter what was done in the audit log: hash, positions, counts and time, and no value of the entity."""
    counts = {name: count for name, count in msgspec.structs.asdict(forgotten).items() if isinstance(count, int)}
    for erasure in forgotten.erasures:
        audit.append(
            "forget",
            at=datetime.now(UTC),
            project=project,
            by=user_name(),
            detail={
                "erasure": erasure.id,
                "keys": ",".join(erasure.keys),
                "hash": erasure.hash,
                "ends": msgspec.json.encode(erasure.ends).decode(),
                **{name: str(count) for name, count in counts.items()},
            },
        )


def read_entity(texts: Sequence[str], plans: Sequence[Plan]) -> dict[str, KeyValue]:
    """The entity that ``key=value`` texts name, each value in the type of its join key."""
    types = {key.name: key.type for plan in reversed(plans) for view in plan.views for key in view.keys}
    entity: dict[str, KeyValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise RequestError("--entity", f"{text!r} is no key and value", "say --entity key=value")
        known = sorted(key for key in types if name in {key, key.removesuffix("_id")})
        if len(known) != 1:
            raise RequestError(name, "is no join key of this domain", f"it has {', '.join(sorted(types))}")
        if known[0] in entity:
            raise RequestError(known[0], "is given twice", "forget one entity at a time")
        try:
            entity[known[0]] = value if types[known[0]] == "string" else int(value)
        except ValueError:
            raise RequestError(known[0], f"{value!r} is no {types[known[0]]}", "give a whole number") from None
    return entity


def topic_ends(settings: Settings, logs: KafkaLogs, topics: Sequence[str]) -> dict[str, dict[str, dict[int, int]]]:
    """Where topics end at the broker."""
    found: dict[str, dict[str, dict[int, int]]] = {}
    for (topic, log, partition), end in read_ends(settings.kafka.bootstrap_servers, logs, topics).items():
        found.setdefault(topic, {}).setdefault(log, {})[partition] = end
    return found


def copies_at_broker(settings: Settings, plans: Sequence[Plan], forgotten: Forgotten) -> dict[str, int | None]:
    """The topics that may still hold records of the entity, and for how many milliseconds the broker keeps them."""
    topics = {source.topic for plan in plans for source in plan.sources}
    topics |= {topic for erasure in forgotten.erasures for topic in erasure.ends}
    topics |= {SCORES_TOPIC, DEAD_LETTERS_TOPIC}
    return KafkaLogs(settings.kafka.bootstrap_servers).retention_ms(topics)


def to_facts(erasure: Erasure) -> dict[str, object]:
    """An erasure as data."""
    facts: dict[str, object] = msgspec.to_builtins(erasure, str_keys=True)
    return facts
