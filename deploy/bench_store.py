"""``millstream bench store``: a million entities, written as a worker writes them, and the bytes that each takes.

They come through the worker's own view writer into a store of its own, the worker's cache holding a fifth of them: so
the figures are those of the states as they are kept, in the store and in a worker's memory, and the second shows
whether the cache is the bound that it says it is.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from deploy.bench_stream_traffic import BIRTH, PAST_LOG, PLAN, SOURCE, VIEW
from deploy.servers import ValkeyServer
from features.feast_layout import KeyLayout
from features.redis_link import RedisLink, open_link
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import Birth
from streams.metrics import WorkerMetrics
from streams.view_writer import Events, ViewWriter

N_ENTITIES: Final = 1_000_000
CACHE_BYTES_EACH: Final = 150
"""Room in the worker's cache for each entity that is written: for a part of them."""
EVENTS_EACH: Final = 5
BATCH_ENTITIES: Final = 2_000
CHUNK_ENTITIES: Final = 100
PARTITIONS: Final = 4
SPAN_US: Final = 7 * 86_400_000_000
NOW_US: Final = 1_750_000_000_000_000
SAMPLE: Final = 1_000
GROWTH_BYTES: Final = 64 << 20
"""What a worker with a full cache may still grow by: buffers, and what the allocator keeps."""
OWN_KEYS: Final = 2
"""Certificate and witness."""


def bench_store(n_entities: int = N_ENTITIES) -> dict[str, Any]:
    """Figures of one run; ``passed`` where every entity stands in the store and the cache has kept its bound."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder, ValkeyServer(Path(folder)) as server:
        figures = asyncio.run(measure(server.settings, n_entities))
    return {
        **figures,
        "traffic": f"{EVENTS_EACH} events an entity over a week, {len(VIEW.features)} features over 3 windows",
        "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
    }


async def measure(settings: StoreSettings, n_entities: int) -> dict[str, Any]:
    """Write them all, and look at the memory before, when the cache is full, and afterwards."""
    cache_bytes = CACHE_BYTES_EACH * n_entities
    store, link = RedisStore(PLAN.project, settings), await open_link(settings)
    await store.connect()
    try:
        await link.call(b"CONFIG", b"SET", b"appendonly", b"no")  # memory is looked at: the disk would be in the way
        await store.write_birth(Birth(view=VIEW.name, view_hash=VIEW.hash, id=BIRTH, cut={}, serving=True))
        metrics = WorkerMetrics()
        writer = ViewWriter(
            VIEW,
            [SOURCE],
            project=PLAN.project,
            store=store,
            metrics=metrics,
            cache_bytes=cache_bytes,
            chunk_entities=CHUNK_ENTITIES,
        )
        writer.begin(BIRTH)
        before, worker_before = await used_memory(link), resident()
        n_cached, counted, worker_full = 0, 0, worker_before
        began_s = time.perf_counter()
        for events in batches(n_entities):
            await writer.write(events, lambda: None)
            cached_before = n_cached
            n_cached, counted = in_cache(metrics)
            if n_cached > cached_before:  # it still fills
                worker_full = resident()
        seconds = time.perf_counter() - began_s
        stored = await link.call(b"DBSIZE") - OWN_KEYS
        full, grown = worker_full - worker_before, resident() - worker_full
        return {
            "entities": stored,
            "store_bytes_per_entity": round((await used_memory(link) - before) / n_entities),
            "state_bytes": await mean_state_bytes(store, n_entities),
            "worker_cached_entities": n_cached,
            "worker_bytes_per_cached_entity": round(full / n_cached),
            "worker_cache_bytes": cache_bytes,
            "worker_cache_bytes_counted": counted,
            "worker_grown_after_full_mb": round(grown / 1e6, 1),
            "entities_per_second": round(n_entities / seconds),
            "passed": stored == n_entities and counted <= cache_bytes and grown <= max(GROWTH_BYTES, full // 10),
        }
    finally:
        link.close()
        await store.close()


def in_cache(metrics: WorkerMetrics) -> tuple[int, int]:
    """How many states the worker says it has in memory, and how much they take."""
    states, n_bytes = (
        metrics.registry.get_sample_value(f"millstream_worker_{name}", {"view": VIEW.name}) or 0
        for name in ("cached_states", "cached_bytes")
    )
    return int(states), int(n_bytes)


def batches(n_entities: int) -> Iterator[Events]:
    """Events of some entities at a time, all of one entity in one batch and of one partition, in time order."""
    generator = np.random.default_rng(11)
    next_offset = dict.fromkeys(range(PARTITIONS), 0)
    for batch, begin in enumerate(range(0, n_entities, BATCH_ENTITIES)):
        names = [entity_name(number) for number in range(begin, min(begin + BATCH_ENTITIES, n_entities))]
        partition, n_events = batch % PARTITIONS, EVENTS_EACH * len(names)
        event_us = (NOW_US - np.sort(generator.integers(0, SPAN_US, n_events))[::-1]).tolist()
        amounts = generator.integers(1, 20_000, n_events).tolist()
        offset = next_offset[partition]
        next_offset[partition] += n_events
        rows = [
            (names[i % len(names)], at_us, amount)
            for i, (at_us, amount) in enumerate(zip(event_us, amounts, strict=True))
        ]
        yield Events(SOURCE.topic, (PAST_LOG, partition), range(offset, offset + n_events), event_us, rows)


async def mean_state_bytes(store: RedisStore, n_entities: int) -> int:
    """Size of a state as it is stored, over a sample."""
    layout = KeyLayout(PLAN.project, VIEW.keys)
    sample = range(0, n_entities, max(1, n_entities // SAMPLE))
    states = await store.read_states(VIEW.name, BIRTH, [layout.key([entity_name(number)]) for number in sample])
    return round(sum(len(state or b"") for state in states) / len(states))


async def used_memory(link: RedisLink) -> int:
    """Bytes that the server has allocated."""
    info: bytes = await link.call(b"INFO", b"memory")
    return int(info.split(b"used_memory:")[1].split(b"\r\n")[0])


def resident() -> int:
    """Bytes of this process in memory."""
    return int(psutil.Process().memory_info().rss)


def entity_name(number: int) -> str:
    """Join key of an entity."""
    return f"account-{number:07d}"
