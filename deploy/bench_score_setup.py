"""What the scorer's bench asks about: a plan, a store full of states and a model of full size. Made, not real."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from deploy.made_up_model import publish_made_up_model
from deploy.servers import TansuServer, ValkeyServer
from features.feast_layout import KeyLayout
from features.kernel import ViewKernel
from features.kernels import open_kernel
from features.nouns import SCORES_TOPIC
from features.plan import (
    AggregatePlan,
    ColumnPlan,
    EntityKeyPlan,
    FeatureRef,
    Plan,
    ServicePlan,
    SourcePlan,
    ViewPlan,
)
from features.plan_shelf import put_on_shelf
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.state import State
from features.store import Birth, StateWrite
from streams.logs import create_topics

N_STATES: Final = 2_000
TREES: Final = 200
MODEL_NAME: Final = "bench"
BIRTH: Final = "bench"
LOG: Final = "AAAAAAAAQACAAAAAAAAAAQ"
SECOND_US: Final = 1_000_000
WINDOWS_US: Final = {  # window to hop
    "hour": (3_600 * SECOND_US, 300 * SECOND_US),
    "day": (86_400 * SECOND_US, 3_600 * SECOND_US),
    "week": (604_800 * SECOND_US, 21_600 * SECOND_US),
}
CHUNK: Final = 500

FEATURES: Final = tuple(
    AggregatePlan(name=f"{function}_{name}", function=function, column="amount", window_us=window_us, hop_us=hop_us)
    for name, (window_us, hop_us) in WINDOWS_US.items()
    for function in ("count", "sum", "min", "max")
)
PLAN: Final = Plan(
    project="bench",
    sources=(
        SourcePlan(
            topic="bench",
            timestamp_column="at",
            max_ahead_us=3_600 * SECOND_US,
            columns=(
                ColumnPlan(name="at", type="timestamp", nullable=False),
                ColumnPlan(name="amount", type="float64", nullable=True, decimals=2),
            ),
        ),
    ),
    views=(
        ViewPlan(
            name="activity",
            topic="bench",
            keys=(EntityKeyPlan(name="user_id", type="int64"),),
            features=FEATURES,
            ttl_us=0,
            hash="be9c4be9c4be9c4b",
        ),
    ),
    request_features=(),
    services=(
        ServicePlan(
            name=MODEL_NAME,
            features=tuple(FeatureRef(view="activity", feature=feature.name, kind="stream") for feature in FEATURES),
        ),
    ),
    transforms_sha256=hashlib.sha256(b"").hexdigest(),
)


class World(NamedTuple):
    """Store, broker and model, up; ``environment`` is what a scorer on them is told.

    ``vectors`` are the features of each state at ``as_of_us``, of which entity ``n`` has number ``n % len(vectors)``;
    ``model_text`` is the model as LightGBM writes it.
    """

    folder: Path
    var: Path
    store: ValkeyServer
    broker: TansuServer
    environment: Mapping[str, str]
    as_of_us: int
    vectors: npt.NDArray[np.float64]
    model_text: str
    state_bytes: int


def open_world(folder: Path, running: ExitStack, n_entities: int, *, trees: int = TREES) -> World:
    """Make all that a scorer needs, and keep its servers up until the stack ends."""
    store = running.enter_context(ValkeyServer(folder / "valkey"))
    broker = running.enter_context(TansuServer(folder / "tansu"))
    create_topics(broker.bootstrap_servers, [SCORES_TOPIC], 4)
    generator = np.random.default_rng(7)
    (view,) = PLAN.views
    kernel, now_us = open_kernel(view, PLAN.source_of(view)), time.time_ns() // 1_000
    states = make_states(kernel, now_us, generator)
    vectors = np.array([kernel.finish(state, now_us) for state in states], np.float64)
    state_bytes = asyncio.run(fill_store(store.settings, kernel, states, n_entities))
    var = folder / "var"
    put_on_shelf(PLAN, b"", var / PLAN.project)
    return World(
        folder=folder,
        var=var,
        store=store,
        broker=broker,
        environment={
            "MILLSTREAM_STORE__PORT": str(store.port),
            "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "MILLSTREAM_SCORER__METRICS_PORT": "0",
            "MILLSTREAM_SCORER__REST": "false",
        },
        as_of_us=now_us,
        vectors=vectors,
        model_text=publish_made_up_model(var / PLAN.project, PLAN, MODEL_NAME, vectors, generator, trees=trees),
        state_bytes=state_bytes,
    )


def make_states(kernel: ViewKernel, now_us: int, generator: np.random.Generator) -> list[State]:
    """Different states whose tiles are all full: an event in each of the finest tiles of each window."""
    times = sorted({now_us - at for window_us, hop_us in WINDOWS_US.values() for at in range(1, window_us, hop_us)})
    states = []
    for _ in range(N_STATES):
        state = kernel.new_state()
        amounts = generator.integers(1, 100_000, len(times)).tolist()
        for offset, (at_us, amount) in enumerate(zip(times, amounts, strict=True)):
            kernel.apply(state, (LOG, 0), offset, at_us, (at_us, amount))
        states.append(state)
    return states


async def fill_store(settings: StoreSettings, kernel: ViewKernel, states: Sequence[State], n_entities: int) -> int:
    """Certify the view and write every entity as a worker would; the mean size of a state in bytes."""
    store = RedisStore(PLAN.project, settings)
    await store.connect()
    (view,) = PLAN.views
    await store.write_birth(Birth(view=view.name, view_hash=view.hash, id=BIRTH, cut={}, serving=True))
    layout = KeyLayout(PLAN.project, view.keys)
    encoded = [(kernel.encode(state), kernel.fields(state)) for state in states]
    for begin in range(0, n_entities, CHUNK):
        await store.write_states(
            view.name,
            BIRTH,
            [
                StateWrite(layout.key([user]), b"", *encoded[user % len(encoded)])
                for user in range(begin, min(begin + CHUNK, n_entities))
            ],
        )
    await store.close()
    return sum(len(state) for state, _ in encoded) // len(encoded)
