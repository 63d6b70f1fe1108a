"""``python -m deploy.fuzz [N] [SEED]``: fuzzes a scorer of its own; one JSON object on stdout, exit 1 if it fails."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import grpc
import msgspec
import uvloop

from deploy.bench_score import start_scorer
from deploy.bench_score_setup import FEATURES, MODEL_NAME, open_world
from deploy.fuzz.run import SHOWN, fuzz
from deploy.fuzz.seeds import seeds_of

CALLS: Final = 10_000
N_ENTITIES: Final = 1_000
TREES: Final = 20
"""Few: the calls are meant to fail."""


def main(arguments: Sequence[str]) -> int:
    """Run it."""
    n, seed = (int(one) for one in (*arguments, *(str(CALLS), "1")[len(arguments) :]))
    with tempfile.TemporaryDirectory(prefix="millstream-fuzz-") as folder, ExitStack() as running:
        scorer = start_scorer(open_world(Path(folder), running, N_ENTITIES, trees=TREES), running)
        words = [MODEL_NAME.encode(), b"user_id", b"activity", *(feature.name.encode() for feature in FEATURES)]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            seeds = seeds_of("user_id", 1, MODEL_NAME)
            busy = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})
            report = runner.run(fuzz(scorer.address, n, seed=seed, seeds=seeds, words=words, retried=busy))
        report.healthy = report.healthy and scorer.is_running
        failures = [line for line in scorer.log_file.read_text(errors="replace").splitlines() if "failed" in line]
    report.internal_errors = max(report.internal_errors, len(failures))
    print(msgspec.json.encode(report).decode())
    for line in failures[:SHOWN]:
        print(line, file=sys.stderr)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
