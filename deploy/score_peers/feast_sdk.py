"""The bench's features as Feast's own SDK reads them, from the fields that our worker would have written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deploy.bench_score_setup import FEATURES, PLAN
from deploy.score_peers.peer import STORE

VIEW: Final = PLAN.views[0].name
KEY: Final = PLAN.views[0].keys[0].name
NAMES: Final = [feature.name for feature in FEATURES]
REFERENCES: Final = [f"{VIEW}:{name}" for name in NAMES]


def open_feast(folder: Path) -> Any:
    """A feature store on Redis with the bench's view, declared as Feast's documentation does."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64, Int64

    feast = FeatureStore(
        config=RepoConfig(
            project=PLAN.project,
            provider="local",
            registry={"path": str(folder / "registry.db"), "cache_ttl_seconds": 0},
            online_store={"type": "redis", "connection_string": os.environ[STORE]},
            offline_store={"type": "dask"},
            entity_key_serialization_version=3,
        )
    )
    user = Entity(name="user", join_keys=[KEY], value_type=ValueType.INT64)
    kinds = {"count": Int64}
    schema = [Field(name=each.name, dtype=kinds.get(each.function, Float64)) for each in FEATURES]
    past = FileSource(name="past", path=str(folder / "past.parquet"), timestamp_field="at")
    feast.apply([user, past, FeatureView(name=VIEW, entities=[user], schema=schema, source=past)])
    return feast


def read_vectors(feast: Any, users: Sequence[int]) -> list[list[float | None]]:
    """The vector of each user."""
    found = feast.get_online_features(features=REFERENCES, entity_rows=[{KEY: user} for user in users]).to_dict()
    return [list(row) for row in zip(*(found[name] for name in NAMES), strict=True)]
