"""Features of a stream view for given rows: the backfill's numbers as Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from features.backfill import backfill
from features.entities import UNKNOWN
from features.feast_offline.entity_rows import EntityRows
from features.nouns import Knowledge
from features.plan import SourcePlan, ViewPlan


def stream_columns(
    view: ViewPlan,
    source: SourcePlan,
    events: pa.Table,
    rows: EntityRows,
    key_columns: Sequence[str],
    knowledge: Knowledge = "as_true",
) -> dict[str, pa.Array[Any]]:
    """Each feature of a view as of each row, null where the view has nothing to say of the entity.

    Parameters
    ----------
    view, source, events
        The view, the source that feeds it, and its valid events, as `features.lake.Lake.read` gives them.
    rows, key_columns
        The rows, and the columns in which the view's join keys stand.
    knowledge
        Whether events count that had not arrived by then.

    Returns
    -------
    dict
        By feature. All are null where a join key is missing, the entity had no event before, or, where the view has a
        ``ttl``, none within it: what the scorer takes for missing, and Feast's own stores leave empty.

    """
    which, keys = rows.keys(view.keys, key_columns)
    at_us = rows.at_us[which]
    columns = backfill(view, source, events, keys, at_us, knowledge)
    known = columns.newest_us != UNKNOWN
    if view.ttl_us:
        known &= at_us - columns.newest_us <= view.ttl_us
    places = np.full(len(rows), len(which))
    places[which] = np.arange(len(which))
    taken = pa.array(places, mask=places == len(which))
    return {
        name: pa.array(columns.values[name], mask=~(columns.valid[name] & known)).take(taken)
        for name in view.feature_names
    }
