"""Which outcome came of which score: each score belongs to the first observation of its entity at or after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from offline_training.comparison.scored import KEY_PREFIX, Scores
from offline_training.observations import Observations

UNKNOWN = -1


class Joined(NamedTuple):
    """Records in the order in which they were made, each with its outcome: ``label`` is NaN where none is known yet.

    ``observation`` numbers what ``labels.sql`` gave, ``unit`` the routing keys; both from 0, or `UNKNOWN`.
    """

    arm: npt.NDArray[np.object_]
    version: npt.NDArray[np.object_]
    request_id: npt.NDArray[np.object_]
    as_of_us: npt.NDArray[np.int64]
    scored_us: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    decision: npt.NDArray[np.object_]
    unit: npt.NDArray[np.int64]
    observation: npt.NDArray[np.int64]
    label: npt.NDArray[np.float64]

    def take(self, which: npt.NDArray[Any]) -> Joined:
        """Those of some rows, by mask or by number."""
        return Joined(*(column[which] for column in self))

    @property
    def reversed(self) -> Joined:
        """The last first."""
        return self.take(np.arange(len(self.unit))[::-1])

    @property
    def known(self) -> Joined:
        """Those whose outcome is known."""
        return self.take(self.observation != UNKNOWN)


def join_outcomes(scores: Scores, observations: Observations, keys: Sequence[str], *, within_us: int) -> Joined:
    """Give each record its outcome.

    ``keys`` are the model's join keys; ``within_us`` is how long after a score its observation may begin. What
    happened before the score is no outcome of it.
    """
    observed: dict[str, Any] = {KEY_PREFIX + name: observations.keys[name] for name in keys}
    observed |= {"at_us": observations.at_us, "label": observations.labels, "n": np.arange(len(observations.at_us))}
    same = " AND ".join(f'r."{KEY_PREFIX}{name}" = o."{KEY_PREFIX}{name}"' for name in keys)
    query = f"""
        SELECT arm, version, request_id, as_of_us, scored_us, score, decision, unit,
            if(at_us - as_of_us <= $within_us, n, NULL) AS observation, label
        FROM records r ASOF LEFT JOIN observed o ON {same} AND r.as_of_us <= o.at_us
        ORDER BY scored_us, request_id, arm, version, as_of_us, unit
    """  # noqa: S608 - names of join keys, as the plan has them
    with duckdb.connect(":memory:") as connection:
        connection.register("records", scores.table)
        connection.register("observed", pa.table(observed))
        found = connection.sql(query, params={"within_us": within_us}).to_arrow_table()
    columns = {name: found[name].to_numpy() for name in found.column_names if name != "observation"}
    observation = found["observation"].fill_null(UNKNOWN).to_numpy()
    columns["label"] = np.where(observation == UNKNOWN, np.nan, columns["label"])
    return Joined(**columns, observation=observation)
