"""What the stream's bench is made of: plan, events, and a state with full tiles for every account. Made, not real."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer
from msgspec import structs

from features.errors import BrokerUnavailableError
from features.feast_layout import FeastRow, KeyLayout
from features.kernel import ViewKernel
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, FeatureRef, Plan, ServicePlan, SourcePlan, ViewPlan
from features.redis_link import open_link
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import AdoptedLog, Birth, StateWrite

TOPIC: Final = "bench"
EXPONENT: Final = 1.1
SPAN_US: Final = 3_600_000_000
"""Event time that the events are spread over, so that tiles are begun and dropped all along."""
PARTITIONS: Final = 4
BIRTH: Final = "bench"
PAST_LOG: Final = "AAAAAAAAQACAAAAAAAAAAQ"
N_TEMPLATES: Final = 200
CHUNK: Final = 100
SETTLE_S: Final = 120.0
REWRITING: Final = re.compile(rb"aof_rewrite_(in_progress|scheduled):1")
SECOND_US: Final = 1_000_000
WINDOWS_US: Final = {
    "hour": (3_600 * SECOND_US, 300 * SECOND_US),
    "day": (86_400 * SECOND_US, 3_600 * SECOND_US),
    "week": (604_800 * SECOND_US, 21_600 * SECOND_US),
}

SOURCE: Final = SourcePlan(
    topic=TOPIC,
    timestamp_column="spent_at",
    max_ahead_us=3_600 * SECOND_US,
    columns=(
        ColumnPlan(name="account_id", type="string", nullable=False),
        ColumnPlan(name="spent_at", type="timestamp", nullable=False),
        ColumnPlan(name="amount", type="float64", nullable=False, decimals=2),
    ),
)
VIEW: Final = ViewPlan(
    name="spend",
    topic=TOPIC,
    keys=(EntityKeyPlan(name="account_id", type="string"),),
    features=tuple(
        AggregatePlan(name=f"{function}_{name}", function=function, column="amount", window_us=length, hop_us=hop)
        for name, (length, hop) in WINDOWS_US.items()
        for function in ("count", "sum", "min", "max")
    ),
    ttl_us=0,
    hash="be9c45f2ea3be9c4",
)
PLAN: Final = Plan(
    project="bench",
    sources=(SOURCE,),
    views=(VIEW,),
    request_features=(),
    services=(
        ServicePlan(
            name="bench",
            features=tuple(FeatureRef(view=VIEW.name, feature=name, kind="stream") for name in VIEW.feature_names),
        ),
    ),
    transforms_sha256=hashlib.sha256(b"").hexdigest(),
)


def plan_on(topic: str) -> Plan:
    """The same plan, reading another topic."""
    return structs.replace(
        PLAN, sources=(structs.replace(SOURCE, topic=topic),), views=(structs.replace(VIEW, topic=topic),)
    )


def zipf_accounts(n_events: int, n_accounts: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Who spends, event by event: Zipf over all accounts."""
    weights = 1.0 / np.arange(1, n_accounts + 1) ** EXPONENT
    ranks = generator.choice(n_accounts, n_events, p=weights / weights.sum())
    return generator.permutation(n_accounts)[ranks]


def uniform_accounts(n_events: int, n_accounts: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Who spends where all spend alike."""
    return generator.integers(0, n_accounts, n_events)


def single_account(n_events: int, n_accounts: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """One account, drawn from all, has every event."""
    return np.full(n_events, generator.integers(0, n_accounts))


def account_id(number: int) -> str:
    """Name of an account."""
    return f"account-{number:06d}"


def event_value(number: int, at_us: int, amount: float) -> bytes:
    """An event as it stands in the topic."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()
    return f'{{"account_id":"{account_id(number)}","spent_at":"{at}","amount":{amount}}}'.encode()


def event_amount(index: int) -> float:
    """What the event of that index is worth."""
    return (index * 37 % 20_000) / 100


def encode_events(accounts: npt.NDArray[np.int64], now_us: int) -> list[bytes]:
    """One event for each, spread over the hour up to now."""
    step_us, began_us = SPAN_US // len(accounts), now_us - SPAN_US
    return [event_value(number, began_us + i * step_us, event_amount(i)) for i, number in enumerate(accounts.tolist())]


def send_events(
    bootstrap_servers: str, accounts: npt.NDArray[np.int64], values: Sequence[bytes], topic: str = TOPIC
) -> None:
    """Send an account's events always to one partition; return once all are taken."""
    failed: list[object] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "queue.buffering.max.messages": len(accounts) + 1,
            "linger.ms": 50,
            "batch.num.messages": 10_000,
            "log_level": 0,
        }
    )
    for i, (number, value) in enumerate(zip(accounts.tolist(), values, strict=True)):
        producer.produce(
            topic,
            value,
            partition=number % PARTITIONS,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        if i % 10_000 == 0:
            producer.poll(0)
    if producer.flush(60) or failed:
        raise BrokerUnavailableError("broker", f"{len(failed)} events were not taken")


async def fill_store(settings: StoreSettings, n_accounts: int, now_us: int, log: str, topic: str = TOPIC) -> int:
    """Give every account a state whose tiles are all full, and certify; the mean size of a state in bytes."""
    kernel, layout, row = ViewKernel(VIEW, SOURCE), KeyLayout(PLAN.project, VIEW.keys), FeastRow(VIEW)
    templates = list(_templates(kernel, row, now_us - SPAN_US))
    store = RedisStore(PLAN.project, settings)
    await store.connect()
    try:
        accounts = range(n_accounts)
        for begin in range(0, n_accounts, 10 * CHUNK):
            chunks = [accounts[at : at + CHUNK] for at in range(begin, begin + 10 * CHUNK, CHUNK)]
            await asyncio.gather(*(_fill(store, layout, templates, chunk) for chunk in chunks if chunk))
        await store.write_birth(Birth(view=VIEW.name, view_hash=VIEW.hash, id=BIRTH, cut={}, serving=True))
        await store.adopt_log(AdoptedLog(topic=topic, log=log, start={}))
    finally:
        await store.close()
    await settle(settings)
    return sum(len(state) for state, _ in templates) // len(templates)


async def settle(settings: StoreSettings) -> None:
    """Wait until the store has rewritten its file after the filling, which no worker would meet."""
    link = await open_link(settings)
    try:
        async with asyncio.timeout(SETTLE_S):
            while REWRITING.search(await link.call(b"INFO", b"persistence")):  # noqa: ASYNC110 - the server tells no event
                await asyncio.sleep(0.1)
    finally:
        link.close()


async def _fill(
    store: RedisStore, layout: KeyLayout, templates: Sequence[tuple[bytes, list[bytes]]], accounts: Sequence[int]
) -> None:
    writes = [
        StateWrite(layout.key([account_id(number)]), b"", *templates[number % len(templates)]) for number in accounts
    ]
    await store.bootstrap_states(VIEW.name, BIRTH, writes)


def _templates(kernel: ViewKernel, row: FeastRow, until_us: int) -> Iterator[tuple[bytes, list[bytes]]]:
    """States with an event in every tile of every window, and Feast's fields of them."""
    times = sorted({until_us - at for length, hop in WINDOWS_US.values() for at in range(1, length + hop, hop)})
    generator = np.random.default_rng(7)
    for _ in range(N_TEMPLATES):
        state = kernel.new_state()
        for offset, (at_us, amount) in enumerate(
            zip(times, generator.integers(1, 20_000, len(times)).tolist(), strict=True)
        ):
            kernel.apply(state, (PAST_LOG, 0), offset, at_us, ("", at_us, amount))
        newest_us = times[-1]
        yield kernel.encode(state), row.fields(kernel.finish(state, newest_us + 1), newest_us)
