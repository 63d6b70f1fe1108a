"""``python -m deploy.fuzz [N] [SEED]``: fuzzes a scorer of its own; one JSON object on stdout, exit 1 if it fails."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Final

import grpc
import msgspec
import uvloop

from deploy.bench_score import start_scorer
from deploy.bench_score_setup import FEATURES, MODEL_NAME, open_world
from deploy.fuzz.grpc_calls import GrpcFuzz
from deploy.fuzz.report import SHOWN
from deploy.fuzz.rest_calls import RestFuzz
from deploy.fuzz.run import fuzz
from deploy.fuzz.seeds import rest_seeds_of, seeds_of
from deploy.server_process import free_port

CALLS: Final = 10_000
N_ENTITIES: Final = 1_000
TREES: Final = 20
"""Few: the calls are meant to fail."""

FAILED: Final = ("failed", "Exception in ASGI application")
"""Words of the server's log about a fault of its own."""


def main(arguments: Sequence[str]) -> int:
    """Run it."""
    n, seed = (int(one) for one in (*arguments, *(str(CALLS), "1")[len(arguments) :]))
    with tempfile.TemporaryDirectory(prefix="millstream-fuzz-") as folder, ExitStack() as running:
        world = open_world(Path(folder), running, N_ENTITIES, trees=TREES)
        rest_port = free_port()
        world = world._replace(environment={**world.environment, **rest_at(rest_port)})
        scorer = start_scorer(world, running)
        words = [MODEL_NAME, "user_id", "activity", *(feature.name for feature in FEATURES)]
        calls = GrpcFuzz(
            scorer.address,
            seeds=seeds_of("user_id", 1, MODEL_NAME),
            words=[word.encode() for word in words],
            retried=frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED}),
        )
        requests = RestFuzz(
            f"127.0.0.1:{rest_port}",
            model=MODEL_NAME,
            seeds=rest_seeds_of("user_id", 1),
            words=words,
            retried=frozenset({HTTPStatus.TOO_MANY_REQUESTS}),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(fuzz(calls, requests, n, seed=seed))
        report.healthy = report.healthy and scorer.is_running
        log = scorer.log_file.read_text(errors="replace").splitlines()
    failures = [line for line in log if any(word in line for word in FAILED)]
    report.internal_errors = max(report.internal_errors, len(failures))
    print(msgspec.json.encode(report).decode())
    for line in failures[:SHOWN]:
        print(line, file=sys.stderr)
    return 0 if report.passed else 1


def rest_at(port: int) -> dict[str, str]:
    """Settings of a scorer that answers HTTP there."""
    return {"MILLSTREAM_SCORER__REST": "true", "MILLSTREAM_SCORER__REST_PORT": str(port)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
