"""What the scorer's bench asks about: a plan, a store full of states and a model of full size. Made, not real."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from deploy.made_up_model import publish_made_up_model
from features.feast_layout import KeyLayout
from features.kernel import ViewKernel
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
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.state import State
from features.store import Birth, StateWrite

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
    """Certify the view and write a state for every entity; the mean size of a state in bytes."""
    store = RedisStore(PLAN.project, settings)
    await store.connect()
    (view,) = PLAN.views
    await store.write_birth(Birth(view=view.name, view_hash=view.hash, id=BIRTH, cut={}, serving=True))
    layout = KeyLayout(PLAN.project, view.keys)
    encoded = [kernel.encode(state) for state in states]
    for begin in range(0, n_entities, CHUNK):
        await store.write_states(
            view.name,
            BIRTH,
            [
                StateWrite(layout.key([user]), b"", encoded[user % len(encoded)], ())
                for user in range(begin, min(begin + CHUNK, n_entities))
            ],
        )
    await store.close()
    return sum(map(len, encoded)) // len(encoded)


def publish_model(
    state_dir: Path, kernel: ViewKernel, states: Sequence[State], now_us: int, generator: np.random.Generator
) -> None:
    """Train a model of full size on the states' own features, and point at its bundle."""
    rows = np.array([kernel.finish(state, now_us) for state in states], dtype=np.float64)
    publish_made_up_model(state_dir, PLAN, MODEL_NAME, rows, generator, trees=TREES)
