"""``python -m deploy.score_bench.feast_reads FOLDER ENTITIES SECONDS``: Feast's SDK in process, reading features.

It has no hop to a server and gives no answer to encode; calls of one row and of a hundred, each of other entities.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from deploy.score_bench.latencies import Taken, to_latencies
from deploy.score_peers.feast_sdk import open_feast, read_vectors

ROWS: Final = (1, 100)
WARM_UP_CALLS: Final = 20


def measure(feast: Any, n_entities: int, rows: int, seconds: float) -> Taken:
    """Read so many rows a call."""
    generator = np.random.default_rng(rows)
    took_ns: list[int] = []
    clock = time.perf_counter_ns
    for _ in range(WARM_UP_CALLS):
        read_vectors(feast, generator.integers(0, n_entities, rows).tolist())
    began_ns = clock()
    while clock() - began_ns < seconds * 1e9:
        users = generator.integers(0, n_entities, rows).tolist()
        asked_ns = clock()
        read_vectors(feast, users)
        took_ns.append(clock() - asked_ns)
    return Taken(took_ns, 0, (clock() - began_ns) / 1e9)


if __name__ == "__main__":
    store = open_feast(Path(sys.argv[1]))
    gc.collect()
    gc.freeze()
    told = {rows: measure(store, int(sys.argv[2]), rows, float(sys.argv[3])) for rows in ROWS}
    print(json.dumps({rows: to_latencies("Feast SDK", [taken])._asdict() for rows, taken in told.items()}))
