"""A training set as a table: what `millstream backfill --out` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from features.nouns import Knowledge

TIME: Final = "event_timestamp"
LABEL: Final = "label"


def training_table(
    names: Sequence[str], rows: np.ndarray, labels: np.ndarray, at_us: np.ndarray, knowledge: Knowledge
) -> pa.Table:
    """Observations with their features as of then, and what happened."""
    columns = {
        TIME: pa.array(at_us, pa.timestamp("us", "UTC")),
        **{feature: pa.array(rows[:, i]) for i, feature in enumerate(names)},
        LABEL: pa.array(labels),
    }
    return pa.table(columns, metadata={b"millstream.knowledge": knowledge.encode()})
