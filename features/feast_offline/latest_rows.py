"""What the stream's last write of each entity would have been, had it read the lake up to an instant and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.backfill import backfill
from features.lake import declared_name
from features.nouns import FeatureValue, KeyValue
from features.plan import SourcePlan, ViewPlan


class LatestRows(NamedTuple):
    """Entities, the newest event time of each, and the features one microsecond after it."""

    entities: Sequence[tuple[KeyValue, ...]]
    newest_us: npt.NDArray[np.int64]
    values: Sequence[tuple[FeatureValue, ...]]


def latest_rows(view: ViewPlan, source: SourcePlan, events: pa.Table, start_us: int, end_us: int) -> LatestRows:
    """Entities whose newest event up to an instant lies in a range, and what the stream showed of them then.

    Parameters
    ----------
    view, source
        The view and the source that feeds it.
    events
        Valid events of the source, as `features.lake.Lake.read` gives them.
    start_us, end_us
        The range, both ends included. Windows reach back before its start.

    Returns
    -------
    LatestRows
        As the worker writes Feast's fields after the newest event up to the end.

    """
    seen = events.filter(pc.field("event_us") <= end_us)
    names = [declared_name(key.name) for key in view.keys]
    newest = seen.group_by(names).aggregate([("event_us", "max")])
    newest = newest.filter(pc.field("event_us_max") >= start_us)
    newest_us = newest.column("event_us_max").to_numpy()
    if not len(newest_us):
        return LatestRows((), newest_us, ())
    keys = {key.name: newest.column(name).to_numpy() for key, name in zip(view.keys, names, strict=True)}
    columns = backfill(view, source, seen, keys, newest_us + 1)
    features = [_listed(columns.values[name], columns.valid[name]) for name in view.feature_names]
    entities: list[Any] = [newest.column(name).to_pylist() for name in names]
    return LatestRows(list(zip(*entities, strict=True)), newest_us, list(zip(*features, strict=True)))


def _listed(values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> list[FeatureValue]:
    return [value if there else None for value, there in zip(values.tolist(), valid.tolist(), strict=True)]
