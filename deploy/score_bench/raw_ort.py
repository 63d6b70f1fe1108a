"""``python -m deploy.score_bench.raw_ort MODEL VECTORS SECONDS``: ONNX Runtime in process, one row a call.

What serving could cost at least: no request, no features, no answer. Rows differ, for a row that is repeated teaches
the processor the way through the trees.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.score_bench.latencies import Taken, to_latencies
from grpc_api.session import RawScorer


def measure(model: Path, vectors: npt.NDArray[np.float64], seconds: float) -> Taken:
    """Score one row after another."""
    scorer, rows = RawScorer(model, vectors.shape[1]), cycle(vectors[:, np.newaxis, :])
    took_ns: list[int] = []
    clock = time.perf_counter_ns
    began_ns = clock()
    until_ns = began_ns + int(seconds * 1e9)
    asked_ns = began_ns
    while asked_ns < until_ns:
        scorer.raw_scores(next(rows))
        took_ns.append(clock() - asked_ns)
        asked_ns = clock()
    return Taken(took_ns, 0, (clock() - began_ns) / 1e9)


if __name__ == "__main__":
    taken = measure(Path(sys.argv[1]), np.load(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps(to_latencies("raw ORT", [taken])._asdict()))
