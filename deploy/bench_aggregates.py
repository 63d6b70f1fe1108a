"""``millstream bench aggregates``: what each function costs by itself, in the stream, in the store and in the backfill.

Times are of the processor, one core, the best of some rounds; an entity pays at random through a day of hours.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.aggregates import AGGREGATES, Aggregate
from features.aggregates.ewma import decay_weights
from features.backfill import backfill
from features.kernel import ViewKernel
from features.lake import declared_name
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, SourcePlan, ViewPlan
from features.state import State
from features.windows import DAY_US, HOUR_US

N_HOURS: Final = 24
EVENTS_PER_HOUR: Final = 10
N_ENTITIES: Final = 400
N_OBSERVATIONS: Final = 20_000
ROUNDS: Final = 5
MAX_EVENT_NS: Final = 100_000
"""Ten thousand events a second of one entity: what a function may cost at most."""
LOG: Final = "AAAAAAAAQACAAAAAAAAAAQ"
BEGIN_US: Final = 20_000 * DAY_US

SOURCE: Final = SourcePlan(
    topic="payments",
    timestamp_column="paid_at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="payer", type="int64", nullable=False),
        ColumnPlan(name="paid_at", type="timestamp", nullable=False),
        ColumnPlan(name="amount", type="float64", nullable=False, decimals=2),
    ),
)


def bench_aggregates() -> dict[str, Any]:
    """Run it; ``passed`` says whether every function costs less than the bar."""
    costs = {name: measure(aggregate) for name, aggregate in AGGREGATES.items()}
    return {
        **{name: ", ".join(f"{unit} {value:,}" for unit, value in cost.items()) for name, cost in costs.items()},
        "functions": costs,
        "traffic": f"{N_HOURS} tiles of an hour with {EVENTS_PER_HOUR} events each, amounts log-normal",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "passed": all(cost["event_ns"] < MAX_EVENT_NS for cost in costs.values()),
    }


def measure(aggregate: Aggregate) -> dict[str, int]:
    """Cost of an event folded, of a window finished, of a tile stored; and of an event and an observation backfilled."""
    view = view_of(aggregate)
    kernel = ViewKernel(view, SOURCE)
    generator = np.random.default_rng(7)
    n = N_HOURS * EVENTS_PER_HOUR
    times = (BEGIN_US + np.sort(generator.integers(0, N_HOURS * HOUR_US, n))).tolist()
    amounts = np.rint(generator.lognormal(8, 1.5, n)).astype(int).tolist()
    rows = [(1, at_us, amount) for at_us, amount in zip(times, amounts, strict=True)]

    def fold() -> State:
        state = kernel.new_state()
        for offset, (at_us, row) in enumerate(zip(times, rows, strict=True)):
            kernel.apply(state, (LOG, 0), offset, at_us, row)
        return state

    state = fold()
    seen_us = times[-1] + 1
    none = kernel.new_state()
    kernel.apply(none, (LOG, 0), 0, BEGIN_US, rows[0])
    return {
        "event_ns": round(seconds(fold) / n * 1e9),
        "finish_ns": round(seconds(lambda: [kernel.finish(state, seen_us) for _ in range(50)]) / 50 * 1e9),
        "tile_bytes": (len(kernel.encode(state)) - len(kernel.encode(none))) // len(state.rings[0].tiles),
        "backfill_ns": round(seconds(backfilled(view, times, amounts)) / (n * N_ENTITIES + N_OBSERVATIONS) * 1e9),
    }


def backfilled(view: ViewPlan, times: list[int], amounts: list[int]) -> Callable[[], object]:
    """The same events for many entities, and instants at which they are asked for."""
    generator = np.random.default_rng(9)
    payers = np.arange(N_ENTITIES)
    events = pa.table(
        {
            declared_name("payer"): np.repeat(payers, len(times)),
            declared_name("amount"): np.tile(np.array(amounts) / 100, N_ENTITIES),
            "event_us": np.tile(np.array(times), N_ENTITIES),
        }
    )
    keys = {"payer": generator.choice(payers, N_OBSERVATIONS)}
    at_us = BEGIN_US + generator.integers(0, N_HOURS * HOUR_US, N_OBSERVATIONS)
    return lambda: backfill(view, SOURCE, events, keys, at_us)


def view_of(aggregate: Aggregate) -> ViewPlan:
    """One feature: the function over a day of hours."""
    feature = AggregatePlan(
        name="x",
        function=aggregate.name,
        column="amount",
        window_us=DAY_US,
        hop_us=HOUR_US,
        weights=decay_weights(DAY_US, HOUR_US, DAY_US // 4) if aggregate.weighted else (),
    )
    return ViewPlan(
        name="payments",
        topic="payments",
        keys=(EntityKeyPlan(name="payer", type="int64"),),
        features=(feature,),
        ttl_us=0,
        hash="00112233445566ff",
    )


def seconds(work: Callable[[], object]) -> float:
    """Processor time of the best of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)
