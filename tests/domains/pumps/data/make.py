"""Make up five weeks of pumps that wear and fail, the same at each run: ``python data/make.py``.

A pump's wear grows at a rate of its own, faster under load; it shows in the vibration and, late, in the pressure.
The chance to fail grows with the wear, and is high again in the first day after a repair. A failed pump is repaired
and starts anew; some pumps go silent for good.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
SEED = 20_240_101
N_PUMPS = 160
N_HOURS = 35 * 24
START_US = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z, a Monday
HOUR_US = 3_600_000_000
CAUSES = ("bearing", "seal", None)


def main() -> None:
    """Write ``pump_readings.parquet`` and ``pump_failures.parquet`` beside this file."""
    chance = np.random.default_rng(SEED)
    pump_ids = 700_000_000_000 + 17 * np.arange(N_PUMPS)
    rate = chance.gamma(3.0, 0.0035, N_PUMPS)
    wear = chance.uniform(0.0, 1.0, N_PUMPS)
    down_until = np.zeros(N_PUMPS)
    silent_from = np.where(chance.random(N_PUMPS) < 0.06, chance.integers(500, N_HOURS, N_PUMPS), N_HOURS)
    readings: list[pa.RecordBatch] = []
    failures: list[tuple[int, int, str | None, float]] = []
    for hour in range(N_HOURS):
        load = 0.4 if (hour // 24) % 7 >= 5 else 0.9
        wear += rate * load * chance.gamma(2.0, 0.5, N_PUMPS)
        up = (hour >= down_until) & (hour < silent_from)
        readings.append(_readings(chance, hour, pump_ids, wear, load, up))
        fresh = np.exp(-(hour - down_until) / 18.0) * (down_until > 0)
        hazard = 0.02 / (1.0 + np.exp(-5.0 * (wear + 0.3 * load - 1.7))) + 0.012 * fresh
        for i in np.flatnonzero(up & (chance.random(N_PUMPS) < hazard)):
            repair_hours = round(float(chance.uniform(3.0, 12.0)), 2)
            at_us = START_US + hour * HOUR_US + int(chance.integers(0, HOUR_US))
            failures.append((int(pump_ids[i]), at_us, CAUSES[int(chance.integers(0, 3))], repair_hours))
            down_until[i], wear[i] = hour + 1 + repair_hours, chance.uniform(0.0, 0.2)
    _write("pump_readings", "measured_at", pa.Table.from_batches(readings))
    columns = list(zip(*failures, strict=True))
    failed_at = pa.array(columns[1], pa.timestamp("us", tz="UTC"))
    _write(
        "pump_failures",
        "failed_at",
        pa.table(
            {
                "pump_id": pa.array(columns[0], pa.int64()),
                "failed_at": failed_at,
                "failure_cause": pa.array(columns[2], pa.string()),
                "repair_hours": pa.array(columns[3], pa.float64()),
            }
        ),
    )


def _readings(
    chance: np.random.Generator, hour: int, pump_ids: np.ndarray, wear: np.ndarray, load: float, up: np.ndarray
) -> pa.RecordBatch:
    """One reading of each pump that is up, somewhere in the hour; one in twelve has no pressure."""
    n = len(pump_ids)
    at_us = START_US + hour * HOUR_US + chance.integers(0, HOUR_US, n)
    vibration = 1.5 + 1.8 * wear**2 + 0.8 * load + chance.normal(0.0, 0.7, n)
    pressure = 6.0 - 1.2 * np.maximum(wear - 0.8, 0.0) + chance.normal(0.0, 0.25, n)
    starts = chance.poisson(0.3 + 0.2 * wear, n)
    return pa.record_batch(
        {
            "pump_id": pa.array(pump_ids[up], pa.int64()),
            "measured_at": pa.array(at_us[up], pa.timestamp("us", tz="UTC")),
            "vibration_mm_s": pa.array(np.round(np.maximum(vibration, 0.05)[up], 4), pa.float64()),
            "pressure_bar": pa.array(np.round(pressure[up], 3), pa.float64(), mask=(chance.random(n) < 1 / 12)[up]),
            "motor_starts": pa.array(starts[up], pa.int32()),
        }
    )


def _write(topic: str, time_column: str, table: pa.Table) -> None:
    """Write a topic's history in time order."""
    pq.write_table(table.sort_by(time_column), HERE / f"{topic}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
