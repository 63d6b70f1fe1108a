"""Score records and bundles made up for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.nouns import ScoreRecord
from monitoring.scores_topic import ScoreMessage

Floats = npt.NDArray[np.float64]

FEATURES = ("v:normal", "v:skewed", "v:counts", "v:sparse", "r:rare", "v:fixed", "v:waits")
NAMES = (*FEATURES, "score")
MODEL = "churn"
SCORED_AT = datetime(1998, 1, 26, tzinfo=UTC)
SCORED_US = int(SCORED_AT.timestamp()) * 1_000_000


def draw(rng: np.random.Generator, n_rows: int) -> Floats:
    """Rows as a model might see them: skewed, tied, half empty, constant; last the score."""
    rows = np.column_stack(
        [
            rng.normal(50.0, 5.0, n_rows),
            rng.lognormal(0.0, 1.5, n_rows),
            rng.poisson(0.3, n_rows).astype(np.float64),
            rng.exponential(2.0, n_rows),
            rng.normal(size=n_rows),
            np.full(n_rows, 7.0),
            rng.gamma(2.0, 3e6, n_rows),
            rng.beta(2.0, 5.0, n_rows),
        ]
    )
    rows[rng.random(n_rows) < 0.4, 3] = np.nan
    rows[rng.random(n_rows) < 0.003, 4] = np.nan
    return rows


def record(values: Floats, *, model: str = MODEL, version: str = "1", as_of_us: int = 0) -> bytes:
    """A record of `millstream.scores` with this input and score."""
    vector = tuple(None if np.isnan(value) else float(value) for value in values[:-1])
    return msgspec.json.encode(
        ScoreRecord(
            request_id="r",
            scored_at=SCORED_AT,
            as_of_us=as_of_us,
            model=model,
            version=version,
            digest="d",
            arm="champion",
            plan_hash="p",
            service=model,
            entity={"customer_id": "1"},
            views=(),
            features=FEATURES,
            vector=vector,
            raw_score=float(values[-1]),
            score=float(values[-1]),
            decision="stay",
        )
    )


def messages(rows: Iterable[Floats], *, partitions: int = 2, version: str = "1") -> Iterator[ScoreMessage]:
    """Live traffic: every record has an instant of its own."""
    for number, values in enumerate(rows):
        partition, offset = number % partitions, number // partitions
        yield ScoreMessage(partition, offset, record(values, version=version, as_of_us=number))


def write_bundle(models_dir: Path, rows: Floats, *, version: str = "1", champion: bool = True) -> Path:
    """The part of a bundle, and of what model sync writes beside it, that the watcher reads."""
    bundle = models_dir / MODEL / version
    bundle.mkdir(parents=True)
    columns = {name: pa.array(rows[:, i], from_pandas=True) for i, name in enumerate(NAMES)}
    columns["raw_score"] = columns["score"]
    path = bundle / "reference.parquet"
    pq.write_table(pa.table(columns), path)
    if champion:
        pointer = {"model": MODEL, "version": version, "path": version, "digest": "d"}
        (models_dir / MODEL / "champion.json").write_bytes(msgspec.json.encode(pointer))
    return path
