"""The two servers that the scorer's bench compares, each as a process: ``python -m deploy.bench_score_process``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc.aio
import uvloop

from features.plan import load_plan
from features.settings import load_settings
from grpc_api.server import run_scorer

METHOD = "/millstream.scoring.v1.Scoring/Score"
SERVICE, NAME = METHOD[1:].split("/")


def serve_scorer(var: Path, project: str, stages: Path | None) -> None:
    """Our scorer, as ``millstream scorer`` runs it; watched where it is to tell its stages."""
    if stages is not None:
        from deploy.score_bench.stages import SCORER
        from deploy.stage_clock import watch_stages

        watch_stages(stages, SCORER)
    settings = load_settings(var=var)
    run_scorer(settings, load_plan(settings.state_dir(project) / "plan.json"))


def serve_echo(answer: bytes) -> None:
    """A bare grpc.aio server on uvloop that takes the same requests and always gives the same answer."""
    scorer = load_settings().scorer

    async def echo(_request: bytes, _context: object) -> bytes:
        return answer

    async def serve() -> None:
        server = grpc.aio.server()
        handlers = {NAME: grpc.unary_unary_rpc_method_handler(echo)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_insecure_port(f"{scorer.host}:{scorer.port}")
        await server.start()
        await server.wait_for_termination()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


if __name__ == "__main__":
    if sys.argv[1] == "scorer":
        serve_scorer(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]) if len(sys.argv) > 4 else None)
    else:
        serve_echo(Path(sys.argv[2]).read_bytes())
