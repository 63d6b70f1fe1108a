"""``millstream bench aggregates``: what each function costs by itself, in the stream, in the store and in the backfill.

Times are of the processor, one core, the best of some rounds; an entity pays at random through a day of hours.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import AGGREGATES, Aggregate
from features.aggregates.ewma import decay_weights
from features.backfill import backfill
from features.kernels import open_kernel
from features.lake import declared_name
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, SourcePlan, ViewPlan
from features.state import State
from features.windows import DAY_US, HOUR_US

N_HOURS: Final = 24
EVENTS_PER_HOUR: Final = 10
N_ENTITIES: Final = 400
ROUNDS: Final = 5
MAX_EVENT_NS: Final = 100_000
"""Ten thousand events a second of one entity: what a function may cost at most."""
LOG: Final = "AAAAAAAAQACAAAAAAAAAAQ"
BEGIN_US: Final = 20_000 * DAY_US

Int64s: TypeAlias = npt.NDArray[np.int64]

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


def bench_aggregates(*, n_entities: int = N_ENTITIES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Run it; ``passed`` says whether every function costs less than the bar."""
    costs = {name: measure(aggregate, n_entities, rounds) for name, aggregate in AGGREGATES.items()}
    return {
        **costs,
        "bar": {"event_ns": MAX_EVENT_NS},
        "traffic": f"{N_HOURS} tiles of an hour with {EVENTS_PER_HOUR} events each, amounts log-normal",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "passed": all(cost["event_ns"] < MAX_EVENT_NS for cost in costs.values()),
    }


def measure(aggregate: Aggregate, n_entities: int, rounds: int) -> dict[str, int]:
    """Cost of an event folded, a window finished, a tile stored; and of an event backfilled, observations included."""
    view = view_of(aggregate)
    kernel = open_kernel(view, SOURCE)
    generator = np.random.default_rng(7)
    n = N_HOURS * EVENTS_PER_HOUR
    times = BEGIN_US + np.sort(generator.integers(0, N_HOURS * HOUR_US, n))
    amounts = np.rint(generator.lognormal(8, 1.5, n)).astype(np.int64)
    rows = [(1, at_us, amount) for at_us, amount in zip(times.tolist(), amounts.tolist(), strict=True)]

    def fold() -> State:
        state = kernel.new_state()
        for offset, row in enumerate(rows):
            kernel.apply(state, (LOG, 0), offset, row[1], row)
        return state

    state, one = fold(), kernel.new_state()
    kernel.apply(one, (LOG, 0), 0, rows[0][1], rows[0])
    seen_us, work = rows[-1][1] + 1, backfilling(view, times, amounts, n_entities)
    return {
        "event_ns": round(seconds(fold, rounds) / n * 1e9),
        "finish_ns": round(seconds(lambda: [kernel.finish(state, seen_us) for _ in range(50)], rounds) / 50 * 1e9),
        "tile_bytes": (len(kernel.encode(state)) - len(kernel.encode(one))) // len(state.rings[0].tiles),
        "backfill_ns": round(seconds(work, rounds) / (n * n_entities) * 1e9),
    }


def backfilling(view: ViewPlan, times: Int64s, amounts: Int64s, n_entities: int) -> Callable[[], object]:
    """The same events for many entities, and an instant for every fifth at which its entity is asked for."""
    generator = np.random.default_rng(9)
    payers = np.arange(n_entities)
    events = pa.table(
        {
            declared_name("payer"): pa.array(np.repeat(payers, len(times))),
            declared_name("amount"): pa.array(np.tile(amounts / 100, n_entities)),
            "event_us": pa.array(np.tile(times, n_entities)),
        }
    )
    n_asked = len(times) * n_entities // 5
    keys = {"payer": generator.choice(payers, n_asked)}
    at_us = BEGIN_US + generator.integers(0, N_HOURS * HOUR_US, n_asked)
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


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Processor time of the best of some rounds."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)
