"""``millstream bench score``: the whole scorer against a bare gRPC echo of the same messages, in one run.

With ``--peers`` it is held against other ways to serve the same model as well: see `deploy.score_bench`.

Both are server processes on this machine, asked by one client with the same requests. They take turns in short
rounds, so that what else the machine does meets both.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import grpc
import numpy as np
import uvloop

from deploy.bench_score_process import METHOD
from deploy.bench_score_setup import PLAN, World, open_world
from deploy.server_process import Server, answers_tcp
from deploy.stream_bench.worker import import_path
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

N_ENTITIES: Final = 100_000
ROUNDS: Final = 12
CALLS_ALONE: Final = 400
CALLS_TOGETHER: Final = 2_000
WARM_UP_CALLS: Final = 1_000
IN_FLIGHT: Final = 16
DEADLINE_S: Final = 10.0
MAX_RATIO: Final = 2.0


class BenchProcess(Server):
    """One of the two servers under test."""

    def __init__(self, name: str, folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        super().__init__(folder)
        self._arguments = arguments
        self._environment = environment

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (sys.executable, "-m", "deploy.bench_score_process", *self._arguments)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return {"MILLSTREAM_SCORER__PORT": str(self.port), "PYTHONPATH": import_path(), **self._environment}

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        return answers_tcp(self.port)


@dataclass
class Timings:
    """What one server took: seconds of each call alone, and calls a second with several in flight, by round."""

    alone_s: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        """Median of the calls alone."""
        return median(self.alone_s) * 1e3

    @property
    def p99_ms(self) -> float:
        """99th percentile of the calls alone."""
        return quantiles(self.alone_s, n=100)[98] * 1e3

    @property
    def throughput(self) -> float:
        """Calls a second with several in flight: median of the rounds."""
        return median(self.per_second)


def bench_score(*, peers: bool = False, note: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run it; ``passed`` says whether the scorer's p50 is within twice the echo's, or is ahead of every peer."""
    if peers:
        from deploy.score_bench.answer import bench_with_peers

        return bench_with_peers(note)
    return bench_alone()


def bench_alone(*, n_entities: int = N_ENTITIES, rounds: int = ROUNDS) -> dict[str, Any]:
    """The run against the echo alone."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder, ExitStack() as running:
        world = open_world(Path(folder), running, n_entities)
        ours = start_scorer(world, running)
        echo = start_echo(Path(folder), running, ours)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            mine, bare = runner.run(compare(ours.address, echo.address, n_entities, rounds))
    ratio = mine.p50_ms / bare.p50_ms
    return {
        "score_p50_ms": round(mine.p50_ms, 4),
        "echo_p50_ms": round(bare.p50_ms, 4),
        "ratio": round(ratio, 3),
        "throughput": round(mine.throughput),
        "echo_throughput": round(bare.throughput),
        "score_p99_ms": round(mine.p99_ms, 4),
        "echo_p99_ms": round(bare.p99_ms, 4),
        "bar": {"ratio": MAX_RATIO},
        "in_flight": IN_FLIGHT,
        "cores": os.cpu_count(),
        "traffic": f"{n_entities} entities in random order, {world.state_bytes} bytes of state and 12 features each, "
        "200 trees of 31 leaves, a record of each score sent to the broker",
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": ratio <= MAX_RATIO,
    }


def start_scorer(world: World, running: ExitStack, *, stages: Path | None = None) -> BenchProcess:
    """Our server; with ``stages``, a file, it says there where its processor time goes."""
    arguments = ("scorer", str(world.var), PLAN.project, *(() if stages is None else (str(stages),)))
    folder = world.folder / ("scorer" if stages is None else "scorer-watched")
    return running.enter_context(BenchProcess("scorer", folder, arguments, world.environment))


def start_echo(folder: Path, running: ExitStack, ours: BenchProcess) -> BenchProcess:
    """The bare server; its answer is one that ours gave."""
    answer = folder / "answer.bin"
    with grpc.insecure_channel(ours.address) as channel:
        call = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        answer.write_bytes(call(request_of(1), timeout=DEADLINE_S, wait_for_ready=True))
    arguments = ("echo", str(answer))
    return running.enter_context(BenchProcess("echo", folder / "echo", arguments, {}))


def request_of(user: int) -> bytes:
    """A ``ScoreRequest`` as of now."""
    return pb.ScoreRequest(entity={"user_id": pb.Value(integer=user)}).SerializeToString()


async def compare(ours: str, echo: str, n_entities: int, rounds: int) -> tuple[Timings, Timings]:
    """Ask both the same, in turns."""
    users = np.random.default_rng(11).permutation(n_entities).tolist()
    requests = [request_of(user) for user in users]
    async with grpc.aio.insecure_channel(ours) as channel, grpc.aio.insecure_channel(echo) as other:
        calls = [
            each.unary_unary(METHOD, request_serializer=None, response_deserializer=None) for each in (channel, other)
        ]
        timings = (Timings(), Timings())
        streams = [cycle(requests), cycle(requests)]
        for call, stream in zip(calls, streams, strict=True):
            await ask_together(call, islice(stream, WARM_UP_CALLS))
        for _ in range(rounds):
            for call, stream, timing in zip(calls, streams, timings, strict=True):
                timing.alone_s += await ask_alone(call, islice(stream, CALLS_ALONE))
            for call, stream, timing in zip(calls, streams, timings, strict=True):
                begin = time.perf_counter()
                await ask_together(call, islice(stream, CALLS_TOGETHER))
                timing.per_second.append(CALLS_TOGETHER / (time.perf_counter() - begin))
        return timings


async def ask_alone(call: Any, requests: Iterator[bytes]) -> list[float]:
    """One call after another; seconds of each."""
    seconds = []
    for request in requests:
        begin = time.perf_counter()
        await call(request, timeout=DEADLINE_S)
        seconds.append(time.perf_counter() - begin)
    return seconds


async def ask_together(call: Any, requests: Iterator[bytes]) -> None:
    """Several calls in flight until all are answered."""

    async def caller() -> None:
        for request in requests:
            await call(request, timeout=DEADLINE_S)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(caller())
