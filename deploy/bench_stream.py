"""``millstream bench stream``: the whole worker against Faust as it comes, on one broker, in one run.

With ``--peers`` it is held against everything in `deploy.peers`, on Apache Kafka and Redis: see `deploy.stream_bench`.

Broker and store share one core, the worker has the other to itself. Events wait at the broker and states with full
tiles in the store when the worker starts; measured is from its first fetch to its last confirmed write.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from deploy.bench_stream_traffic import (
    EXPONENT,
    PARTITIONS,
    TOPIC,
    encode_events,
    fill_store,
    send_events,
    zipf_accounts,
)
from deploy.caught_up import read_positions
from deploy.servers import TansuServer, ValkeyServer
from deploy.stream_bench.pinning import cores, on_core
from deploy.stream_bench.plain_faust import plain_faust_speed
from deploy.stream_bench.worker import BenchWorker
from features.errors import NotServingError
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from streams.logs import KafkaLogs

N_EVENTS: Final = 300_000
N_EVENTS_PLAIN: Final = 60_000
N_ACCOUNTS: Final = 100_000
BAR: Final = 30_000
DEADLINE_S: Final = 300.0
POLL_S: Final = 0.1


def bench_stream(*, peers: bool = False, note: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run it; ``passed`` says whether the worker reached the bar, or is ahead of every peer."""
    if peers:
        from deploy.stream_bench.answer import bench_with_peers

        return bench_with_peers(note)
    return bench_alone()


def bench_alone(
    *, n_events: int = N_EVENTS, n_events_plain: int = N_EVENTS_PLAIN, n_accounts: int = N_ACCOUNTS
) -> dict[str, Any]:
    """The run on the embedded servers."""
    servers_core, worker_core = cores()
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as name, ExitStack() as running:
        folder = Path(name)
        with on_core(servers_core):
            valkey = running.enter_context(ValkeyServer(folder / "valkey"))
            tansu = running.enter_context(TansuServer(folder / "tansu"))
        logs = KafkaLogs(tansu.bootstrap_servers)
        logs.create([TOPIC, SCORES_TOPIC, DEAD_LETTERS_TOPIC], PARTITIONS)
        now_us = time.time_ns() // 1_000
        state_bytes = asyncio.run(fill_store(valkey.settings, n_accounts, now_us, logs.describe([TOPIC])[TOPIC].log))
        accounts = zipf_accounts(n_events, n_accounts, np.random.default_rng(11))
        send_events(tansu.bootstrap_servers, accounts, encode_events(accounts, now_us))
        environment = {
            "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": tansu.bootstrap_servers,
            "MILLSTREAM_STORE__PORT": str(valkey.port),
            "MILLSTREAM_LAKE__URL": str(folder / "lake"),
            "MILLSTREAM_VAR": str(folder / "var"),
            "MILLSTREAM_WORKER__WEB_PORT": "0",
        }
        with on_core(worker_core):
            worker = running.enter_context(BenchWorker(folder / "worker", environment))
        with on_core(servers_core):
            per_second = measure(worker, n_events)
        worker.stop()
        with on_core(worker_core):
            plain_per_second = plain_faust_speed(tansu.bootstrap_servers, TOPIC, n_events_plain)
    return {
        "events_per_second": round(per_second),
        "plain_faust_events_per_second": round(plain_per_second),
        "ratio": round(per_second / plain_per_second, 2),
        "bar": BAR,
        "events": n_events,
        "cores": os.cpu_count(),
        "traffic": f"Zipf({EXPONENT}) over {n_accounts} accounts, {PARTITIONS} partitions, 3 windows of count, sum, "
        f"min and max, {state_bytes} bytes of state each; worker on one core, broker and store on another",
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": per_second >= BAR,
    }


def measure(worker: BenchWorker, n_events: int) -> float:
    """Events a second from the first fetch to the last confirmed write; a look late at both ends counts against it."""
    looked_s, began_s, deadline_s = time.perf_counter(), None, time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        lanes = [lane for lane in read_positions(worker.port) if lane.topic == TOPIC]
        if began_s is None and any(lane.state == "running" for lane in lanes):
            began_s = looked_s
        looked_s = time.perf_counter()
        if began_s is not None and sum(lane.committed or 0 for lane in lanes) == n_events:
            return n_events / (looked_s - began_s)
        time.sleep(POLL_S)
    raise NotServingError("worker", f"has not confirmed all events after {DEADLINE_S:.0f} s; see {worker.log_file}")
