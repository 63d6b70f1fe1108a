"""What the bench of swaps runs on: the world of the scorer's bench, a scorer, and more versions of its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from deploy.bench_score import start_scorer
from deploy.bench_score_setup import MODEL_NAME, PLAN, open_world
from deploy.made_up_model import FIRST_VERSION, make_made_up_model
from features.bundle import MODEL
from features.routing import CHALLENGER, Arm, Routing
from grpc_api.pointer import (
    Pointer,
    models_dir,
    pointer_file,
    read_pointer,
    routing_file,
    write_pointer,
    write_routing,
)
from grpc_api.session import RawScorer

VERSIONS: Final = (FIRST_VERSION, "2", "3", "4")
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
        world = open_world(folder, running, n_users, trees=trees)
        self._models = models_dir(world.var / PLAN.project)
        first = read_pointer(pointer_file(self._models, MODEL_NAME))
        assert first is not None
        generator = np.random.default_rng(8)
        further = {
            version: make_made_up_model(
                self._models, PLAN, MODEL_NAME, world.vectors, generator, version=version, trees=trees
            )
            for version in VERSIONS[1:]
        }
        self._pointers: Mapping[str, Pointer] = {FIRST_VERSION: first, **further}
        self.as_of_us = world.as_of_us
        vectors = world.vectors[np.arange(n_users) % len(world.vectors)]
        self.raw_scores: Mapping[str, Sequence[float]] = {
            version: _raw_scores(self._models / MODEL_NAME / version / MODEL, vectors) for version in VERSIONS
        }
        self.point(CHALLENGER, VERSIONS[1])
        self.route(FIRST_SHARE)
        self.scorer = start_scorer(world, running)

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
