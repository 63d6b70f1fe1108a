"""A scorer process with a store, a broker, entities and a model of its own, for benches and fuzzing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from deploy.bench_score_setup import MODEL_NAME, PLAN, fill_store, make_states
from deploy.made_up_model import publish_made_up_model
from deploy.server_process import Server, answers_tcp
from deploy.servers import TansuServer, ValkeyServer
from deploy.stream_bench.worker import import_path
from features.kernels import open_kernel
from features.nouns import SCORES_TOPIC
from features.plan_shelf import put_on_shelf
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from streams.logs import create_topics

TREES: Final = 20
N_ENTITIES: Final = 1_000


class ScorerServer(Server):
    """``millstream scorer`` for the plan of a site."""

    name = "scorer"

    def __init__(self, folder: Path, var: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._var = var
        self._environment = environment

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (sys.executable, "-m", "deploy.bench_score_process", "scorer", str(self._var), PLAN.project)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return {"MILLSTREAM_SCORER__PORT": str(self.port), "PYTHONPATH": import_path(), **self._environment}

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        return answers_tcp(self.port)


class Site(NamedTuple):
    """What runs, and the folder of the domain's state."""

    store: ValkeyServer
    broker: TansuServer
    scorer: ScorerServer
    state_dir: Path


def open_site(folder: Path, running: ExitStack, **settings: str) -> Site:
    """Start store and broker, certify, fill and publish; the scorer, which has these settings too, is left to start."""
    store = running.enter_context(ValkeyServer(folder / "valkey"))
    broker = running.enter_context(TansuServer(folder / "tansu"))
    create_topics(broker.bootstrap_servers, [SCORES_TOPIC], 4)
    generator = np.random.default_rng(7)
    (view,) = PLAN.views
    kernel, now_us = open_kernel(view, PLAN.source_of(view)), time.time_ns() // 1_000
    states = make_states(kernel, now_us, generator)[:N_ENTITIES]
    asyncio.run(fill_store(store.settings, kernel, states, N_ENTITIES))
    state_dir = folder / "var" / PLAN.project
    put_on_shelf(PLAN, b"", state_dir)
    rows = np.array([kernel.finish(state, now_us) for state in states], np.float64)
    publish_made_up_model(state_dir, PLAN, MODEL_NAME, rows, generator, trees=TREES)
    environment = {
        "MILLSTREAM_STORE__PORT": str(store.port),
        "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "MILLSTREAM_SCORER__METRICS_PORT": "0",
        "MILLSTREAM_SCORER__REST": "false",
        **settings,
    }
    return Site(store, broker, ScorerServer(folder / "scorer", folder / "var", environment), state_dir)


def request_of(user: int) -> bytes:
    """A ``ScoreRequest`` as of now."""
    return pb.ScoreRequest(entity={"user_id": pb.Value(integer=user % N_ENTITIES)}).SerializeToString()
