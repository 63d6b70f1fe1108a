"""A training set as a table: what `millstream backfill --out` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.nouns import Provenance

TIME: Final = "event_timestamp"
LABEL: Final = "label"


def training_table(
    names: Sequence[str],
    rows: np.ndarray,
    labels: np.ndarray,
    at_us: np.ndarray | None,
    keys: Mapping[str, pa.Array[Any]],
    knowledge: Provenance,
) -> pa.Table:
    """Observations: of whom and when (None: nobody knows), their features as of then, and what happened."""
    columns = {
        **keys,
        **({} if at_us is None else {TIME: pa.array(at_us, pa.timestamp("us", "UTC"))}),
        **{feature: pa.array(rows[:, i]) for i, feature in enumerate(names)},
        LABEL: pa.array(labels),
    }
    return pa.table(columns, metadata={b"millstream.knowledge": knowledge.encode()})


def feature_names(table: pa.Table | pa.Schema) -> tuple[str, ...]:
    """Those of its columns that are features: what stands between time and label."""
    names = table.names if isinstance(table, pa.Schema) else table.column_names
    return tuple(names[names.index(TIME) + 1 : names.index(LABEL)])
