"""FLAML on a training set, in an environment of its own: ``python -m deploy.train_bench.flaml_fit DATA OUT``.

``DATA`` holds the arrays, the seconds that it may search, and the cores; what it answers is written to ``OUT`` as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def main(data: Path, out: Path) -> None:
    """Search, refit on all training rows, score the test rows."""
    warnings.simplefilter("ignore")  # of its libraries' own
    import pandas as pd
    from flaml import AutoML
    from sklearn.metrics import roc_auc_score

    with np.load(data, allow_pickle=False) as given:
        labels, test_labels = given["labels"], given["test_labels"]
        rows, test_rows = (pd.DataFrame(given[name]).add_prefix("f") for name in ("rows", "test_rows"))  # fills NaN
        seconds, cores, seed = (int(given[name]) for name in ("seconds", "cores", "seed"))
    began_s = time.perf_counter()
    search = AutoML()
    search.fit(
        rows,
        labels,
        task="classification",
        metric="roc_auc",
        time_budget=seconds,
        n_jobs=cores,
        split_type="time",
        seed=seed,
        verbose=0,
    )
    took_s = time.perf_counter() - began_s
    answer = {
        "seconds": round(took_s, 1),
        "best_model": str(search.best_estimator),
        "validation_score": float(1 - search.best_loss),
        "test_score": float(roc_auc_score(test_labels, search.predict_proba(test_rows)[:, 1])),
    }
    out.write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
