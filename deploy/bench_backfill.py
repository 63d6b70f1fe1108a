"""``millstream bench backfill``: from a lake of ten million events to the features of a million observations.

Each run is a process of its own, so that its memory is its own, too. It reads the lake's files and computes every
feature on two cores at most. Smaller runs read the first events of the same lake: what a row costs in all of them
shows whether cost grows linearly.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import AGGREGATES
from features.aggregates.ewma import decay_weights
from features.backfill import backfill, columns_used
from features.decode import Decoder
from features.lake import LakeBatch, open_lake
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, SourcePlan, ViewPlan
from features.windows import DAY_US, HOUR_US

N_EVENTS: Final = 10_000_000
N_OBSERVATIONS: Final = 1_000_000
N_ENTITIES: Final = 100_000
N_PARTITIONS: Final = 4
SHARES: Final = (0.1, 0.25, 1.0)
"""Parts of the events and observations that the runs take."""
CORES: Final = min(2, os.cpu_count() or 1)
BARS: Final = {"seconds": 60.0, "peak_mib": 8 * 1024, "growth": 1.5}
"""Growth is what a row of the largest run costs, in rows of the smallest."""
BATCH_ROWS: Final = 50_000
N_CHECKED: Final = 20
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
FEW: Final = ("count", "sum", "mean", "min", "max")
VIEWS: Final = {
    "every function": VIEW,
    ", ".join(FEW): msgspec.structs.replace(VIEW, features=tuple(f for f in VIEW.features if f.function in FEW)),
}
"""The plans: each function over an hour, a week, ninety days and since ever."""


class Workload(NamedTuple):
    """Who pays when, and who is asked about when."""

    entities: npt.NDArray[np.int64]
    event_us: npt.NDArray[np.int64]
    asked: npt.NDArray[np.int64]
    at_us: npt.NDArray[np.int64]

    def share(self, part: float) -> Workload:
        """The first events and observations."""
        n_events, n_asked = (int(len(column) * part) // N_PARTITIONS * N_PARTITIONS for column in (self[0], self[2]))
        return Workload(self.entities[:n_events], self.event_us[:n_events], self.asked[:n_asked], self.at_us[:n_asked])


class Run(NamedTuple):
    """One backfill: how long reading and folding took, and most memory; ``counts`` are of the observations checked."""

    read_s: float
    fold_s: float
    peak_mib: int
    counts: list[int]

    @property
    def seconds(self) -> float:
        """From lake files to finished columns."""
        return self.read_s + self.fold_s


def bench_backfill(
    *, n_events: int = N_EVENTS, n_observations: int = N_OBSERVATIONS, n_entities: int = N_ENTITIES
) -> dict[str, Any]:
    """Run the bench; ``passed`` says whether the slower traffic stayed below all bars, with every function."""
    by_traffic = {name: measure(load) for name, load in workloads(n_events, n_observations, n_entities)}
    return {
        "events": n_events,
        "observations": n_observations,
        "entities": n_entities,
        "features": len(VIEW.features),
        "plan": "every function over an hour, a week, ninety days and since ever",
        **worst_of(by_traffic),
        "bar": BARS,
        "traffic": by_traffic,
        "cores": CORES,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def worst_of(by_traffic: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures that count, and whether they are below the bars."""
    worst = {name: max(figures[name] for figures in by_traffic.values()) for name in BARS}
    return {**worst, "passed": all(worst[name] < bar for name, bar in BARS.items())}


def workloads(n_events: int, n_observations: int, n_entities: int) -> Iterator[tuple[str, Workload]]:
    """Skewed traffic, where few entities have many events, and even traffic, where no range is in a cache.

    Events come in no order of time, so that any first part of them is like the whole.
    """
    generator = np.random.default_rng(7)
    rank = np.arange(1, n_entities + 1)
    skewed = rank**-1.1 / (rank**-1.1).sum()
    for name, chances in (("zipf 1.1", skewed), ("uniform", None)):
        yield (
            name,
            Workload(
                entities=generator.choice(n_entities, n_events, p=chances),
                event_us=BEGIN_US + generator.integers(0, SPAN_US, n_events),
                asked=generator.choice(n_entities, n_observations, p=chances),
                at_us=BEGIN_US + generator.integers(0, SPAN_US, n_observations),
            ),
        )


def measure(workload: Workload) -> dict[str, Any]:
    """Figures of one traffic: of the whole, with every plan; of its parts, to see what a row costs."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        fill_lake(folder, workload)
        loads = [workload.share(part) for part in SHARES]
        runs = [run_apart(folder, VIEW, load) for load in loads]
        others = {name: run_apart(folder, view, loads[-1]) for name, view in VIEWS.items() if view is not VIEW}
    costs = [run.seconds / (len(load.entities) + len(load.asked)) for run, load in zip(runs, loads, strict=True)]
    return {
        "seconds": round(runs[-1].seconds, 2),
        "read_seconds": round(runs[-1].read_s, 2),
        "peak_mib": runs[-1].peak_mib,
        "us_per_row": {str(len(load.entities)): round(cost * 1e6, 3) for load, cost in zip(loads, costs, strict=True)},
        "growth": round(costs[-1] / costs[0], 2),
        "other_plans": {
            name: {"seconds": round(run.seconds, 2), "peak_mib": run.peak_mib} for name, run in others.items()
        },
    }


def fill_lake(folder: str, workload: Workload) -> None:
    """Append the events as workers would, batch by batch, a process a core."""
    with ProcessPoolExecutor(CORES, mp_context=fresh_processes()) as pool:
        mine = [slice(partition, None, N_PARTITIONS) for partition in range(N_PARTITIONS)]
        columns = [(workload.entities[rows], workload.event_us[rows]) for rows in mine]
        list(pool.map(fill_partition, [folder] * N_PARTITIONS, range(N_PARTITIONS), columns))


def fill_partition(folder: str, partition: int, columns: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> None:
    """Append the events of one partition."""
    lake, decoder = open_lake(folder), Decoder(SOURCE)
    entities, event_us = columns
    for begin in range(0, len(entities), BATCH_ROWS):
        kafka_us = event_us[begin : begin + BATCH_ROWS].tolist()
        numbers = entities[begin : begin + BATCH_ROWS].tolist()
        stamps = np.datetime_as_string(event_us[begin : begin + BATCH_ROWS].astype("datetime64[us]")).tolist()
        values = [
            b'{"payer":"%s","paid_at":"%sZ","amount":%.2f}' % (payer(number).encode(), stamp.encode(), i % 9973 / 7)
            for i, (number, stamp) in enumerate(zip(numbers, stamps, strict=True), begin)
        ]
        decoded = decoder.decode(values, kafka_us)
        offsets = range(begin, begin + len(values))
        lake.append(SOURCE, LOG, partition, LakeBatch(offsets.stop, offsets, kafka_us, values, decoded))


def payer(number: int) -> str:
    """Key of an entity."""
    return f"payer-{number:06}"


def run_apart(folder: str, view: ViewPlan, workload: Workload) -> Run:
    """Backfill in a process of its own, and refuse a wrong result."""
    last = len(workload.entities) // N_PARTITIONS - 1
    with ProcessPoolExecutor(1, mp_context=fresh_processes()) as pool:
        run = pool.submit(run_here, folder, view, last, workload.asked, workload.at_us).result()
    refuse_wrong(run.counts, workload)
    return run


def run_here(folder: str, view: ViewPlan, last: int, asked: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64]) -> Run:
    """From lake files, up to that offset of each partition, to finished columns."""
    pa.set_cpu_count(CORES)
    names = np.array([payer(number) for number in range(int(asked.max()) + 1)], object)
    keys = {"payer": names[asked]}
    upto = {(LOG, partition): last for partition in range(N_PARTITIONS)}
    begin = time.perf_counter()
    events = open_lake(folder).read(SOURCE, upto=upto, columns=columns_used([view]))
    read = time.perf_counter()
    columns = backfill(view, SOURCE, events, keys, at_us)
    folded = time.perf_counter()
    counts = columns.values["count_None"][checked(len(asked))]
    return Run(read - begin, folded - read, peak_mib(), counts.tolist())


def fresh_processes() -> BaseContext:
    """Processes that have nothing but this module's imports."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def peak_mib() -> int:
    """Most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None, "Linux says what a process had at most"
        return int(found[1]) // 1024
    import resource  # Unix without /proc: macOS, which counts bytes

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def checked(n: int) -> slice:
    """Observations that are counted again."""
    return slice(0, n, max(1, n // N_CHECKED))


def refuse_wrong(counts: Sequence[int], workload: Workload) -> None:
    """Speed counts only for right numbers: recount some observations by hand."""
    rows = range(len(workload.asked))[checked(len(workload.asked))]
    for row, counted in zip(rows, counts, strict=True):
        before = (workload.entities == workload.asked[row]) & (workload.event_us < workload.at_us[row])
        if counted != before.sum():
            raise AssertionError(f"observation {row}: counted {counted}, there are {before.sum()}")
