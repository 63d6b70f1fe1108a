"""What the server of the cases serves: see `tests/grpc_api/shop.py`."""

from __future__ import annotations

import math

MODEL = "buys"
VERSION = "1"
FEATURES = ["spend:n_day", "spend:sum_day", "spend:mean_day", "spend:since_last", "at_request:basket_ratio"]
VECTORS = [[2.0, 30.0, 15.0, 3600.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0]]
RAW_SCORES = [9.5, 1.5]
DECISIONS = [b"buys", b"leaves"]
ANN_RAW_SCORE = 9.5
STUCK = "stuck"
"""A buyer whose states the store never gives: whoever asks for them waits until there is nobody to wait."""
PATIENCE_S = 0.3
OUTPUTS = ["score", "raw_score", "decision", "notes"]


def score_of(raw_score: float) -> float:
    """The probability, but for its last bit."""
    return 1.0 / (1.0 + math.exp(-raw_score))
