"""The law from end to end: whatever happened on the way, the stored states say what plain SQL says of the records."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.decode import Decoder
from features.feast_layout import entity_key
from features.kernels import open_kernel
from tests.features.oracle import oracle
from tests.features.strategies import FUNCTIONS, features_of
from tests.streams.engine_world import Worker, World, run
from tests.streams.shop import HOUR_US, SOURCE, Record, plan, plan_of_two_topics, view
from tests.streams.test_engine_laws import follow, partitions, steps

WINDOWS = ((HOUR_US, HOUR_US // 12), (24 * HOUR_US, HOUR_US), (None, None))
EVERY = msgspec.structs.replace(
    view(),
    features=tuple(feature for function in FUNCTIONS for feature in features_of(function, "price", WINDOWS)),
)


PLANS = {"one topic": plan("shop", EVERY), "two topics": plan_of_two_topics(EVERY)}


def sent(world: World) -> pa.Table:
    """Valid events with their columns as they were sent, as the oracle takes them."""
    rows = []
    for (topic, _, _), records in zip(world.places, world.partitions, strict=True):
        source = world.plan.source(topic)
        account, price = ([column.name for column in source.columns].index(name) for name in ("account", "price"))
        arrived_us = [record.timestamp * 1_000 for record in records]
        decoded = Decoder(source).decode([record.value for record in records], arrived_us)
        for raw, event_us in zip(decoded.raw, decoded.event_us, strict=True):
            if raw is not None:
                rows.append({"account": raw[account], "price": raw[price], "event_us": event_us})
    schema = pa.schema([("account", pa.string()), ("price", pa.float64()), ("event_us", pa.int64())])
    return pa.Table.from_pylist(rows, schema=schema)


@pytest.mark.parametrize("fed_by", PLANS)
@pytest.mark.usefixtures("every_kernel")
@given(partitions(), steps, st.integers(1, 2), st.integers(1, 30 * HOUR_US))
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_stored_states_finish_to_what_sql_says(
    fed_by: str, records_of: list[list[Record]], story: list[Any], n_shards: int, later_us: int
) -> None:
    """Every aggregate, just after each entity's newest event and some time later, bit for bit."""
    world = World(PLANS[fed_by], records_of, n_shards=n_shards)

    async def tell(world: World) -> None:
        workers = [Worker(world), Worker(world, cache_bytes=6_000)]
        await follow(world, workers, story, 0)
        for worker in workers:
            worker.standing = {}
            await worker.finish()

    run(world, tell)
    kernel, events, stored = open_kernel(EVERY, SOURCE), sent(world), world.stored(EVERY.name)
    accounts = sorted(set(events.column("account").to_pylist()))
    assert len(stored) == len(accounts)
    asked, at_us, finished = [], [], []
    for account in accounts:
        state = kernel.decode(stored[entity_key("shop", EVERY.keys, [account])])
        assert state.newest_us is not None
        for instant in (state.newest_us + 1, state.newest_us + later_us):
            asked.append(account)
            at_us.append(instant)
            finished.append(kernel.finish(state, instant))
    values, _ = oracle(EVERY, SOURCE, events, {"account": asked}, at_us)
    for place, name in enumerate(EVERY.feature_names):
        assert [row[place] for row in finished] == values[name], name
