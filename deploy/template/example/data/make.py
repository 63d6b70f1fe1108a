"""Make up three years of purchases, the same at each run: ``python data/make.py``.

Replace this by a converter of your own events: one Parquet file a topic, one row an event, in the columns that
``definitions.py`` declares and in time order. Each made-up customer buys at a pace of its own until it loses interest;
bargain hunters and collectors stay longer than those in between.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
SEED = 1997
N_CUSTOMERS = 10_000
DAY_US = 86_400_000_000
START_US = 804_556_800_000_000  # 1995-07-01T00:00:00Z
N_DAYS = 1_096  # to 1998-06-30


def main() -> None:
    """Write ``purchases.parquet`` beside this file."""
    chance = np.random.default_rng(SEED)
    first_day = chance.uniform(0.0, N_DAYS, N_CUSTOMERS)
    pace_days = 10.0 + chance.gamma(1.5, 20.0, N_CUSTOMERS)
    taste_usd = chance.lognormal(3.2, 0.5, N_CUSTOMERS)
    extreme = np.abs(np.log(taste_usd) - 3.2) / 0.5
    loyalty = np.clip(0.3 + 0.4 * extreme + chance.normal(0.0, 0.15, N_CUSTOMERS), 0.05, 0.97)  # chance to return
    customers: list[np.ndarray] = []
    days: list[np.ndarray] = []
    at, active = first_day, np.arange(N_CUSTOMERS)
    while len(active):
        customers.append(active)
        days.append(at)
        back = chance.random(len(active)) < loyalty[active]
        at, active = at[back], active[back]
        at = at + pace_days[active] * chance.gamma(3.0, 1.0 / 3.0, len(active))
        at, active = at[at < N_DAYS], active[at < N_DAYS]
    who, when = np.concatenate(customers), np.concatenate(days)
    order = np.argsort(when, kind="stable")
    who, when = who[order], when[order]
    cds = 1 + chance.poisson(0.4, len(who))
    spent = np.round(cds * taste_usd[who] * chance.uniform(0.8, 1.0, len(who)), 2)
    table = pa.table(
        {
            "customer_id": pa.array([f"{number:05}" for number in who]),
            "purchased_at": pa.array(START_US + (when * DAY_US).astype(np.int64), pa.timestamp("us", tz="UTC")),
            "cds": pa.array(cds, pa.int64()),
            "amount_usd": pa.array(spent, pa.float64()),
        }
    )
    pq.write_table(table, HERE / "purchases.parquet", compression="zstd")


if __name__ == "__main__":
    main()
