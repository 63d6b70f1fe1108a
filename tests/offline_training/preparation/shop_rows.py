"""A model's rows with every step declared: instants, counts, a few categories, many, and a plain number."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.head import Task
from features.model_file import CategorySpec, PreparationSpec, RatioSpec, TimePartsSpec

NAMES: Final = ("v:at_s", "v:orders", "v:visits", "v:channel", "v:city", "v:plain")
PREPARATION: Final = PreparationSpec(
    time_parts={"v:at_s": TimePartsSpec(offset_minutes=-150)},
    ratios={"conversion_rate": RatioSpec(numerator="v:orders", denominator="v:visits")},
    categories={"v:channel": CategorySpec(), "v:city": CategorySpec(smoothing=5.0)},
)
HARD: Final = (
    np.nan,
    -np.nan,
    np.inf,
    -np.inf,
    0.0,
    -0.0,
    0.5,
    -1.0,
    -3.5,
    5e-324,
    2.0**53,
    -(2.0**53),
    1e18,
    1e308,
    -1e308,
)


def shop_rows(n: int = 1_200, seed: int = 0) -> tuple[np.ndarray, dict[Task, np.ndarray]]:
    """Rows with nulls, and labels of each task that the city and the hour decide."""
    rng = np.random.default_rng(seed)
    at_s, city = 1.7e9 + rng.integers(0, 30 * 86_400, n), rng.integers(0, 60, n)
    rows = np.column_stack(
        [at_s, rng.poisson(2, n), rng.poisson(5, n), rng.integers(0, 5, n), city, rng.normal(size=n)]
    ).astype(np.float64)
    values = (city * 7 % 10) / 3 + (at_s // 3_600 % 24 > 12) + rng.normal(size=n) / 2
    rows[rng.random(rows.shape) < 0.05] = np.nan
    return rows, {
        "binary": (values > 2).astype(np.float64),
        "multiclass": np.digitize(values, [1.0, 3.0]).astype(np.float64),
        "regression": 100.0 * values,
    }


def hard_rows(rows: np.ndarray) -> np.ndarray:
    """Rows with each input at each value that conversions go wrong at."""
    hard = np.repeat(rows[: rows.shape[1]], len(HARD), axis=0)
    for column in range(rows.shape[1]):
        hard[column * len(HARD) : (column + 1) * len(HARD), column] = HARD
    return np.vstack([hard, np.tile(np.array(HARD)[:, np.newaxis], rows.shape[1])])
