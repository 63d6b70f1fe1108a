"""Which outcome came of which score: each score belongs to the first observation of its entity at or after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.head import Task
from features.routing import Arm
from offline_training.comparison.proper_scores import of_classes, of_two_outcomes, of_values
from offline_training.comparison.scored import KEY_PREFIX, Scores
from offline_training.observation_index import ObservationIndex
from offline_training.observations import Observations

UNKNOWN = -1
_ORDER: Final = ("scored_us", "request_id", "arm", "version", "as_of_us", "unit")
_FACTS: Final = ("score", "decision")


class Joined(NamedTuple):
    """Records in the order in which they were made, each with its outcome: ``label`` is NaN where none is known yet.

    It is 1 or 0: what happened or did not, or whether the class decided on came; or a value. ``squared_error`` and
    ``log_loss`` tell how wrong the score was; of values there is no log loss, NaN.
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
    squared_error: npt.NDArray[np.float64]
    log_loss: npt.NDArray[np.float64]

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

    def newest(self, arm: Arm) -> Joined | None:
        """All records of the version that scored last as an arm; None where none has."""
        rows = self.take(self.arm == arm)
        return rows.take(rows.version == rows.version[-1]) if len(rows.arm) else None


def join_outcomes(
    scores: Scores,
    observations: Observations,
    keys: Sequence[str],
    *,
    within_us: int,
    task: Task,
    classes: Sequence[str] = (),
) -> Joined:
    """Give each record its outcome.

    ``keys`` are the model's join keys; ``within_us`` is how long after a score its observation may begin. What
    happened before the score is no outcome of it. ``classes`` are those of a model of several.
    """
    table = scores.table.sort_by([(name, "ascending") for name in _ORDER])
    index = ObservationIndex(observations, keys)
    entities = zip(*(table[KEY_PREFIX + name].to_pylist() for name in keys), strict=True)
    found = [
        index.first(entity, as_of_us, within_us=within_us)
        for entity, as_of_us in zip(entities, table["as_of_us"].to_numpy().tolist(), strict=True)
    ]
    observation = np.array([numbers[0] if numbers else UNKNOWN for numbers in found], np.int64)
    label = np.where(observation == UNKNOWN, np.nan, observations.labels[observation])
    columns = {name: table[name].to_numpy() for name in _ORDER + _FACTS}
    if classes:
        came = [None if np.isnan(number) else classes[int(number)] for number in label.tolist()]
        label = np.where(np.isnan(label), np.nan, np.array(came, dtype=object) == columns["decision"])
        names: Any = table["classes"].to_pylist()
        chances: Any = table["scores"].to_pylist()
        wrong = of_classes(came, [dict(zip(*of, strict=True)) for of in zip(names, chances, strict=True)])
    else:
        wrong = (of_values if task == "regression" else of_two_outcomes)(label, columns["score"])
    return Joined(**columns, observation=observation, label=label, **wrong._asdict())
