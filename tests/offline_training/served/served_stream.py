"""Score records as a scorer leaves them: states by the stream's kernel, vectors by the scorer's assembler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np

from features.decode import Decoder
from features.kernels import open_kernel
from features.lake import LakeBatch, open_lake
from features.nouns import SCORES_SOURCE, ScoreRecord, ViewReading
from features.transforms import load_transforms
from features.vector import Assembler, ViewValues
from offline_training.dataset import Dataset, build_dataset
from offline_training.served.served_set import build_served_set
from tests.offline_training.small_domain import DAY_US, LOG, N_DAYS, SOURCE, START, VIEW, SmallDomain

START_US = int(START.timestamp()) * 1_000_000
LAST_DAY = 90
"""The last day whose outcomes are known: labels look ten days ahead."""


def serve(small: SmallDomain, days: Iterable[float]) -> Iterator[ScoreRecord]:
    """Ask about every machine that has run before, on each of these days, while the events come in."""
    lake = open_lake(small.settings.lake_url("machines"))
    events = lake.read(SOURCE).select(["event_us", "machine", "ended_at", "parts"]).to_pylist()
    columns = [(e["machine"], e["event_us"], None if e["parts"] is None else round(e["parts"] * 100)) for e in events]
    assembler = Assembler(small.plan, "standstill", load_transforms(small.domain.repo), small_policy(small))
    kernel = open_kernel(VIEW, SOURCE)
    states: dict[str, Any] = {}
    offset = 0
    for day in sorted(days):
        at_us = START_US + round(day * DAY_US)
        while offset < len(columns) and columns[offset][1] < at_us:
            machine = columns[offset][0]
            state = states.setdefault(machine, kernel.new_state())
            kernel.apply(state, (LOG, 0), offset, columns[offset][1], columns[offset])
            offset += 1
        for machine, state in sorted(states.items()):
            shift = float(day // 1 % 3)
            values = ViewValues(kernel.finish(state, at_us), state.newest_us)
            vector = assembler.assemble(at_us, {"work": values}, {"shift": shift})
            yield ScoreRecord(
                request_id=f"{machine}-{day}",
                scored_at=START + timedelta(days=day, seconds=1),
                as_of_us=at_us,
                model="standstill",
                version="1",
                digest="d",
                arm="champion",
                plan_hash=small.plan.hash,
                service="standstill",
                entity={"machine": machine},
                request={"shift": shift},
                views=(
                    ViewReading(
                        view="work",
                        view_hash=VIEW.hash,
                        birth="b",
                        positions=((LOG, 0, offset - 1),),
                        newest_us=state.newest_us,
                    ),
                ),
                features=assembler.names,
                vector=tuple(None if np.isnan(value) else value for value in vector.values),
                raw_score=0.0,
                score=0.5,
                decision="stands",
                notes=tuple(vector.notes),
            )


def small_policy(small: SmallDomain) -> Any:
    """What the domain has for a missing value."""
    return small.domain.models["standstill"].missing


def record_all(small: SmallDomain, records: Iterable[ScoreRecord], *, first: int = 0) -> int:
    """Put records into the lake, through JSON, from an offset on; the offset after the last."""
    values = [msgspec.json.encode(record) for record in records]
    kafka_us = [START_US + N_DAYS * DAY_US] * len(values)
    decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
    end = first + len(values)
    batch = LakeBatch(end, range(first, end), kafka_us, values, decoded)
    open_lake(small.settings.lake_url("machines")).append(SCORES_SOURCE, LOG, 0, batch)
    return end


def from_scores(small: SmallDomain, **options: Any) -> Dataset:
    """The training set of what was served."""
    lake, functions = open_lake(small.settings.lake_url("machines")), load_transforms(small.domain.repo)
    return build_served_set(lake, small.plan, small.domain, "standstill", functions, **options)


def from_lake(small: SmallDomain) -> Dataset:
    """The training set of what the events tell."""
    lake, functions = open_lake(small.settings.lake_url("machines")), load_transforms(small.domain.repo)
    return build_dataset(lake, small.plan, small.domain, "standstill", functions)
