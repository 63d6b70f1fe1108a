"""``millstream bench backfill``: from a lake of a million events to the features of 300,000 observations."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import AGGREGATES
from features.aggregates.ewma import decay_weights
from features.backfill import ViewColumns, backfill
from features.decode import Decoder
from features.lake import Lake, LakeBatch, open_lake
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, SourcePlan, ViewPlan
from features.windows import DAY_US, HOUR_US

N_EVENTS: Final = 1_000_000
N_OBSERVATIONS: Final = 300_000
N_ENTITIES: Final = 100_000
N_PARTITIONS: Final = 4
MAX_SECONDS: Final = 60.0
BATCH_ROWS: Final = 50_000
LOG: Final = "AAAAAAAAQACAAAAAAAAAAQ"
BEGIN_US: Final = 1_700_000_000_000_000
SPAN_US: Final = 180 * DAY_US

SOURCE: Final = SourcePlan(
    topic="payments",
    timestamp_column="paid_at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="payer", type="string", nullable=False),
        ColumnPlan(name="paid_at", type="timestamp", nullable=False),
        ColumnPlan(name="amount", type="float64", nullable=True, decimals=2),
    ),
)
WINDOWS: Final = ((HOUR_US, HOUR_US // 12), (7 * DAY_US, DAY_US // 4), (90 * DAY_US, DAY_US), (None, None))
VIEW: Final = ViewPlan(
    name="payments",
    topic="payments",
    keys=(EntityKeyPlan(name="payer", type="string"),),
    features=tuple(
        AggregatePlan(
            name=f"{function}_{window}",
            function=function,
            column="amount",
            window_us=window,
            hop_us=hop,
            weights=decay_weights(window, hop, window // 4) if aggregate.weighted and window and hop else (),
        )
        for function, aggregate in sorted(AGGREGATES.items())
        for window, hop in WINDOWS
        if window or not aggregate.weighted
    ),
    ttl_us=0,
    hash="00112233445566ff",
)


class Workload(NamedTuple):
    """Who pays when, and who is asked about when."""

    entities: npt.NDArray[np.int64]
    event_us: npt.NDArray[np.int64]
    asked: npt.NDArray[np.int64]
    at_us: npt.NDArray[np.int64]


def bench_backfill(
    *, n_events: int = N_EVENTS, n_observations: int = N_OBSERVATIONS, n_entities: int = N_ENTITIES
) -> dict[str, Any]:
    """Run the bench; ``passed`` says whether the slower of both kinds of traffic stayed below the bar."""
    seconds = {name: measure(load) for name, load in workloads(n_events, n_observations, n_entities)}
    slowest = max(seconds.values())
    return {
        "events": n_events,
        "observations": n_observations,
        "features": len(VIEW.features),
        "seconds": round(slowest, 2),
        "seconds_by_traffic": {name: round(taken, 2) for name, taken in seconds.items()},
        "cores": 1,
        "traffic": f"{' and '.join(seconds)} over {n_entities} entities; seconds are of the slower",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "passed": slowest < MAX_SECONDS,
    }


def workloads(n_events: int, n_observations: int, n_entities: int) -> Iterator[tuple[str, Workload]]:
    """Skewed traffic, where few entities have many events, and even traffic, where no range is in a cache."""
    generator = np.random.default_rng(7)
    rank = np.arange(1, n_entities + 1)
    skewed = rank**-1.1 / (rank**-1.1).sum()
    for name, chances in (("zipf 1.1", skewed), ("uniform", None)):
        yield (
            name,
            Workload(
                entities=generator.choice(n_entities, n_events, p=chances),
                event_us=np.sort(BEGIN_US + generator.integers(0, SPAN_US, n_events)),
                asked=generator.choice(n_entities, n_observations, p=chances),
                at_us=BEGIN_US + generator.integers(0, SPAN_US, n_observations),
            ),
        )


def measure(workload: Workload) -> float:
    """Seconds on one core from lake files to finished columns."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        lake = open_lake(folder)
        fill_lake(lake, workload)
        keys = {"payer": np.array([payer(number) for number in workload.asked.tolist()], object)}
        threads = pa.cpu_count()
        pa.set_cpu_count(1)
        try:
            begin = time.perf_counter()
            columns = backfill(VIEW, SOURCE, lake.read(SOURCE), keys, workload.at_us)
            taken = time.perf_counter() - begin
        finally:
            pa.set_cpu_count(threads)
        refuse_wrong(columns, workload)
    return taken


def fill_lake(lake: Lake, workload: Workload) -> None:
    """Append the events as a worker would, batch by batch."""
    decoder = Decoder(SOURCE)
    stamps = np.datetime_as_string(workload.event_us.astype("datetime64[us]")).tolist()
    numbers = workload.entities.tolist()
    for partition in range(N_PARTITIONS):
        mine = range(partition, len(numbers), N_PARTITIONS)
        for begin in range(0, len(mine), BATCH_ROWS):
            rows = mine[begin : begin + BATCH_ROWS]
            values = [
                b'{"payer":"%s","paid_at":"%sZ","amount":%.2f}'
                % (payer(numbers[i]).encode(), stamps[i].encode(), i % 9973 / 7)
                for i in rows
            ]
            kafka_us = workload.event_us[rows.start : rows.stop : rows.step].tolist()
            decoded = decoder.decode(values, kafka_us)
            offsets = range(begin, begin + len(rows))
            lake.append(SOURCE, LOG, partition, LakeBatch(offsets.stop, offsets, kafka_us, values, decoded))


def payer(number: int) -> str:
    """Key of an entity."""
    return f"payer-{number:06}"


def refuse_wrong(columns: ViewColumns, workload: Workload) -> None:
    """Speed counts only for right numbers: recount some observations by hand."""
    counts = columns.values["count_None"]
    for row in range(0, len(counts), len(counts) // 20):
        before = (workload.entities == workload.asked[row]) & (workload.event_us < workload.at_us[row])
        if counts[row] != before.sum():
            raise AssertionError(f"observation {row}: counted {counts[row]}, there are {before.sum()}")
