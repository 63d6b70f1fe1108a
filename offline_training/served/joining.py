"""Served vectors and their outcomes: each observation has the question that came closest before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.vector import RequestValue
from offline_training.observation_index import ObservationIndex
from offline_training.observations import Observations
from offline_training.served.present import PresentInputs, ServedRecord
from offline_training.served.tally import REASONS, Reason, ServedTally

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Window(NamedTuple):
    """When outcomes count.

    An observation may begin up to ``within_us`` after its score; its label is known a ``horizon_us`` later. What
    happened up to ``dropped_until_us`` is not all in the lake any more, what happens after ``lake_end_us`` not yet.
    """

    within_us: int
    horizon_us: int
    dropped_until_us: int
    lake_end_us: int

    def refusal(self, as_of_us: int) -> Reason | None:
        """Why the outcome of a score as of an instant cannot be told; None where it can."""
        if as_of_us <= self.dropped_until_us:
            return "outcome_dropped"
        return "waiting" if as_of_us + self.within_us + self.horizon_us > self.lake_end_us else None


class ServedRows(NamedTuple):
    """Rows ``[n, k]`` in order of time: the vector that was served, as of when, and the number of its observation."""

    rows: npt.NDArray[np.float64]
    at_us: npt.NDArray[np.int64]
    observation: npt.NDArray[np.int64]
    tally: ServedTally


class _Served(NamedTuple):
    """One record that might be a row. Of several the least is: the latest question, as it was answered first."""

    before_us: int
    scored_us: int
    request_id: str
    arm: str
    as_of_us: int
    noted: bool
    vector: npt.NDArray[np.float64]


def join_served(
    records: Iterable[ServedRecord],
    present: PresentInputs,
    observations: Observations,
    keys: Sequence[str],
    window: Window,
) -> ServedRows:
    """Give each observation its row; a record that is none is counted under the first reason that keeps it out."""
    index = ObservationIndex(observations, keys)
    left_out: Counter[Reason] = Counter()
    found: dict[int, _Served] = {}
    for record in records:
        reason = present.refusal(record) or window.refusal(record.as_of_us)
        if reason is not None:
            left_out[reason] += 1
            continue
        entity = tuple(record.entity[name] for name in keys)
        numbers = index.first(entity, record.as_of_us, within_us=window.within_us)
        asked = [number for number in numbers if _is_asked(record, observations, number)]
        if not asked:
            left_out["asked_otherwise" if numbers else "unlabelled"] += 1
            continue
        served = _served(record, int(observations.at_us[asked[0]]))
        if asked[0] in found:
            left_out["repeated"] += 1
        found[asked[0]] = min(served, found.get(asked[0], served), key=lambda one: one[:4])
    return _in_order(found, len(present.names), left_out)


def _is_asked(record: ServedRecord, observations: Observations, number: int) -> bool:
    """Whether an observation is what was asked; at the record's very instant its request fields have to agree."""
    if observations.at_us[number] != record.as_of_us:
        return True
    fields = observations.request
    return all(_known(record.request.get(name)) == _known(fields[name][number]) for name in fields)


def _known(value: RequestValue) -> RequestValue:
    """NaN and null alike are no value."""
    return None if value != value else value


def _served(record: ServedRecord, observed_us: int) -> _Served:
    return _Served(
        before_us=observed_us - record.as_of_us,
        scored_us=(record.scored_at - _EPOCH) // _MICROSECOND,
        request_id=record.request_id,
        arm=record.arm,
        as_of_us=record.as_of_us,
        noted=bool(record.notes),
        vector=np.array(record.vector, np.float64),  # null becomes NaN
    )


def _in_order(found: Mapping[int, _Served], n_features: int, left_out: Counter[Reason]) -> ServedRows:
    rows = sorted((one.as_of_us, number) for number, one in found.items())
    return ServedRows(
        rows=np.array([found[number].vector for _, number in rows], np.float64).reshape(-1, n_features),
        at_us=np.array([at_us for at_us, _ in rows], np.int64),
        observation=np.array([number for _, number in rows], np.int64),
        tally=ServedTally(
            records=len(rows) + left_out.total(),
            rows=len(rows),
            noted=sum(one.noted for one in found.values()),
            left_out={reason: left_out[reason] for reason in REASONS if left_out[reason]},
        ),
    )
