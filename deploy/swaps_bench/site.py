"""What the bench of swaps runs on: store, broker, a scorer, and several versions of one model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from deploy.bench_score import BenchProcess
from deploy.bench_score_setup import MODEL_NAME, PLAN, fill_store, make_states
from deploy.made_up_model import make_made_up_model
from deploy.servers import TansuServer, ValkeyServer
from features.bundle import MODEL
from features.kernels import open_kernel
from features.nouns import SCORES_TOPIC
from features.plan_shelf import put_on_shelf
from features.routing import CHALLENGER, CHAMPION, Arm, Routing
from grpc_api.pointer import Pointer, models_dir, pointer_file, routing_file, write_pointer, write_routing
from grpc_api.session import RawScorer
from streams.logs import create_topics

VERSIONS: Final = ("1", "2", "3", "4")
SALT: Final = "bench"
FIRST_SHARE: Final = 0.5


class Site:
    """A scorer with champion and challenger, and the raw score that each version gives each user.

    Attributes
    ----------
    as_of_us
        The instant that all requests ask for.
    raw_scores
        By version, of each user.

    """

    def __init__(self, folder: Path, running: ExitStack, *, n_users: int, trees: int) -> None:
        valkey = running.enter_context(ValkeyServer(folder / "valkey"))
        tansu = running.enter_context(TansuServer(folder / "tansu"))
        create_topics(tansu.bootstrap_servers, [SCORES_TOPIC], 4)
        generator = np.random.default_rng(7)
        (view,) = PLAN.views
        kernel, now_us = open_kernel(view, PLAN.source_of(view)), time.time_ns() // 1_000
        states = make_states(kernel, now_us, generator)
        asyncio.run(fill_store(valkey.settings, kernel, states, n_users))
        rows = np.array([kernel.finish(state, now_us) for state in states], dtype=np.float64)
        var = folder / "var"
        put_on_shelf(PLAN, b"", var / PLAN.project)
        self._models = models_dir(var / PLAN.project)
        self._pointers: Mapping[str, Pointer] = {
            version: make_made_up_model(self._models, PLAN, MODEL_NAME, rows, generator, version=version, trees=trees)
            for version in VERSIONS
        }
        self.as_of_us = now_us
        vectors = rows[np.arange(n_users) % len(rows)]
        self.raw_scores: Mapping[str, Sequence[float]] = {
            version: _raw_scores(self._models / MODEL_NAME / version / MODEL, vectors) for version in VERSIONS
        }
        self.point(CHAMPION, VERSIONS[0])
        self.point(CHALLENGER, VERSIONS[1])
        self.route(FIRST_SHARE)
        environment = {
            "MILLSTREAM_STORE__PORT": str(valkey.port),
            "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": tansu.bootstrap_servers,
            "MILLSTREAM_SCORER__METRICS_PORT": "0",
            "MILLSTREAM_SCORER__REST": "false",
        }
        arguments = ("scorer", str(var), PLAN.project)
        self.scorer = running.enter_context(BenchProcess("scorer", folder / "scorer", arguments, environment))

    def point(self, arm: Arm, version: str) -> None:
        """Let a version serve as an arm, as model sync does once it is proven."""
        write_pointer(pointer_file(self._models, MODEL_NAME, arm), self._pointers[version])

    def route(self, share: float) -> None:
        """Give the challenger another share."""
        write_routing(routing_file(self._models, MODEL_NAME), routing_of(share))


def routing_of(share: float) -> Routing:
    """How requests are shared out in this bench."""
    return Routing(challenger=share, salt=SALT)


def _raw_scores(model: Path, vectors: np.ndarray) -> list[float]:
    """What a version gives each of these, by a session of its own."""
    raw_scores: list[float] = RawScorer(model, vectors.shape[1]).raw_scores(vectors)[:, 0].tolist()
    return raw_scores
