"""Training sets of what was served: the lake's own, cell by cell, unless what was served was wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from features.errors import DomainError, RequestError
from features.model_file import DatasetSpec
from features.nouns import Note, ScoreRecord
from features.vector import MissingPolicy
from offline_training.served.served_set import with_later_outcomes
from offline_training.served.tally import REASONS
from offline_training.training_set import open_training_set
from tests.offline_training.served.served_stream import LAST_DAY, START_US, from_lake, from_scores, record_all, serve
from tests.offline_training.small_domain import DAY_US, LABELS, SmallDomain, drop_oldest, small_domain

if TYPE_CHECKING:
    from distributed import Client

DAYS = range(20, LAST_DAY + 1, 5)
"""Those that labels.sql observes."""

replace = msgspec.structs.replace


@pytest.fixture
def small(tmp_path: Path) -> SmallDomain:
    """Sixty machines, observed every five days."""
    return small_domain(tmp_path)


def test_what_was_served_is_what_the_lake_tells(small: SmallDomain) -> None:
    """For the same observations every cell has the same bits, and so have labels, instants, keys and fingerprint."""
    record_all(small, serve(small, DAYS))
    served, told = from_scores(small), from_lake(small)
    assert served.names == told.names
    assert served.rows.tobytes() == told.rows.tobytes()
    assert served.labels.tobytes() == told.labels.tobytes()
    assert served.at_us.tobytes() == told.at_us.tobytes()
    assert served.keys["machine"].to_pylist() == told.keys["machine"].to_pylist()
    assert served.fingerprint == told.fingerprint
    assert (served.knowledge, told.knowledge) == ("as_served", "as_true")
    assert served.served is not None
    assert (served.served.records, served.served.rows, served.served.left_out) == (len(told.rows), len(told.rows), {})


def test_a_fault_in_what_was_served_is_in_the_rows(small: SmallDomain) -> None:
    """A store that forgot an event served another count: the model learns from that, not from what it should be."""
    records = list(serve(small, DAYS))
    wrong = next(i for i, record in enumerate(records) if record.vector[0] is not None and record.vector[0] > 1)
    first, *others = records[wrong].vector
    assert first is not None
    records[wrong] = replace(records[wrong], vector=(first - 1, *others))
    record_all(small, records)
    served, told = from_scores(small), from_lake(small)
    same = (served.rows == told.rows) | (np.isnan(served.rows) & np.isnan(told.rows))
    assert np.argwhere(~same).tolist() == [[wrong, 0]]
    assert served.fingerprint != told.fingerprint


def _note(reason: Any, feature: str = "work:jobs_20d", *, defaulted: bool = False) -> tuple[Note, ...]:
    return (Note(feature=feature, reason=reason, defaulted=defaulted),)


FAULTS: dict[str, Callable[[ScoreRecord], ScoreRecord]] = {
    "supplied": lambda record: replace(record, source="supplied", views=(), entity={}),
    "without_store": lambda record: replace(record, source="defaulted", views=()),
    "other_inputs": lambda record: replace(record, views=(replace(record.views[0], view_hash="an older one"),)),
    "behind_state": lambda record: replace(record, notes=_note("as_of_behind_state", "work")),
    "other_policy": lambda record: replace(record, notes=_note("stale", defaulted=True)),
    "waiting": lambda record: replace(record, as_of_us=START_US + 91 * DAY_US),
    "asked_otherwise": lambda record: replace(record, request={"shift": 77.0}),
    "unlabelled": lambda record: replace(record, as_of_us=record.as_of_us + 1),
    "repeated": lambda record: record,
}


@pytest.mark.parametrize("reason", FAULTS)
def test_a_record_that_is_no_row_is_counted(small: SmallDomain, reason: str) -> None:
    """Each for its reason, beside records that are rows as before."""
    records = list(serve(small, [20, 25]))
    broken = [replace(FAULTS[reason](record), request_id="broken") for record in records[:3]]
    record_all(small, [*broken, *records])
    data = from_scores(small)
    assert data.served is not None
    assert data.served.left_out == {reason: 3}
    assert data.served.rows == len(records) == data.served.records - 3
    told = from_lake(small)
    assert data.rows.tobytes() == told.rows[: len(records)].tobytes()
    assert any(REASONS[reason] in line for line in data.served.lines())  # type: ignore[index]


def test_every_reason_is_tried() -> None:
    """The dropped outcomes have a test of their own."""
    assert set(FAULTS) | {"outcome_dropped"} == set(REASONS)


def test_outcomes_that_rest_on_dropped_records_are_not_believed(tmp_path: Path) -> None:
    """A machine whose jobs were dropped would seem to stand still; its vector was right all the same."""
    small = small_domain(tmp_path, arrive_within_s=1)
    record_all(small, serve(small, [5, *DAYS]))
    dropped_us = drop_oldest(small)
    data = from_scores(small)
    assert data.served is not None
    assert data.served.left_out["outcome_dropped"] > 0
    assert data.at_us.min() > dropped_us


def test_missing_values_stay_as_the_policy_had_them(tmp_path: Path) -> None:
    """Where the policy is what it was, the row is one, and noted; where it changed, the row is none."""
    small = small_domain(tmp_path, missing={"default": -1.0})
    asked = [replace(record, request={}) for record in serve(small, [20])]
    noted = _note("not_supplied", "rhythm:idle_share", defaulted=True)
    asked = [replace(record, vector=(*record.vector[:-1], -1.0), notes=noted) for record in asked]
    record_all(small, asked)
    labels = small.domain.repo / "labels.sql"
    labels.write_text(LABELS.replace("1.0 * (day % 3) AS shift", "NULL::DOUBLE AS shift"))
    data, told = from_scores(small), from_lake(small)
    assert data.served is not None
    assert data.served.noted == data.served.rows == len(asked)
    assert data.rows.tobytes() == told.rows[: len(asked)].tobytes()
    spec = small.domain.models["standstill"]
    changed = replace(spec, missing=MissingPolicy(default=0.0))
    with pytest.raises(DomainError, match=f"{len(asked)} have missing values"):
        from_scores(small._replace(domain=small.domain._replace(models={"standstill": changed})))


def test_records_of_an_older_plan_count_where_its_code_is_known_to_be_the_same(small: SmallDomain) -> None:
    """Views are told by their hashes; request-time code by the plan that pins it."""
    record_all(small, [replace(record, plan_hash="older") for record in serve(small, [20])])
    data = from_scores(small, transforms_of={"older": small.plan.transforms_sha256}.get)
    assert data.served is not None
    assert data.served.left_out == {}
    for transforms_of in ({"older": "other code"}.get, {}.get):
        with pytest.raises(DomainError, match="were made of other features, views or request-time code"):
            from_scores(small, transforms_of=transforms_of)


def test_the_question_that_came_closest_is_the_row(tmp_path: Path) -> None:
    """Where outcomes may begin later, of several questions the last; asked twice, as it was answered first."""
    small = small_domain(tmp_path, served={"within": "2d"})
    early, late = list(serve(small, [23.5])), list(serve(small, [24.25]))
    again = [replace(record, scored_at=record.scored_at + timedelta(hours=1), arm="shadow") for record in late]
    too_early = list(serve(small, [22]))
    record_all(small, [*again, *late, *too_early, *early])
    data = from_scores(small)
    assert data.served is not None
    expected = np.array([record.vector for record in late], np.float64)
    assert data.rows.tobytes() == expected.tobytes()
    assert set(data.at_us.tolist()) == {START_US + round(24.25 * DAY_US)}
    n = len(too_early)
    assert data.served.left_out == {"unlabelled": n, "repeated": len(early) + len(again)}


def test_of_two_observations_at_one_instant_each_has_its_own_question(tmp_path: Path) -> None:
    """They are told apart by their request fields."""
    twice = LABELS.replace("1.0 * (day % 3) AS shift", "1.0 * (day % 3) + twin AS shift")
    small = small_domain(tmp_path, labels=twice.replace("t(day))", "t(day)), range(2) u(twin)"))
    record_all(small, serve(small, DAYS))
    data, told = from_scores(small), from_lake(small)
    assert data.served is not None
    assert (2 * len(data.rows), data.served.left_out) == (len(told.rows), {})
    assert data.rows.tobytes() == told.rows[::2].tobytes()
    assert data.labels.tobytes() == told.labels[::2].tobytes()


def test_some_models_have_no_outcomes_of_what_was_asked(small: SmallDomain, dask_cluster: Client) -> None:
    """Those that learn from a table, or without labels; and nothing is computed on a cluster."""
    spec = replace(small.domain.models["standstill"], dataset=DatasetSpec(url="rows.csv"))
    with pytest.raises(DomainError, match="dataset: has outcomes of its own rows"):
        from_scores(small._replace(domain=small.domain._replace(models={"standstill": spec})))
    spec = replace(small.domain.models["standstill"], task="clustering", decision=None)
    with pytest.raises(DomainError, match="clustering learns without outcomes"):
        from_scores(small._replace(domain=small.domain._replace(models={"standstill": spec})))
    with (
        pytest.raises(RequestError, match="the vectors were served"),
        open_training_set(
            small.settings, small.plan, small.domain, "standstill", knowledge="as_served", cluster=dask_cluster
        ),
    ):
        pass


def test_an_outcome_waits_for_the_longest_that_it_may_take(tmp_path: Path) -> None:
    """So that what is learned later never comes before what was learned already; and the split leaves as much room."""
    small = small_domain(tmp_path, served={"within": "2d"})
    record_all(small, serve(small, [85, 89]))
    data = from_scores(small)
    assert data.served is not None
    assert set(data.served.left_out) == {"waiting"}
    assert set(data.at_us.tolist()) == {START_US + 85 * DAY_US}
    assert with_later_outcomes(small.domain.models["standstill"]).gap_us == 12 * DAY_US


def test_the_order_in_which_records_reached_the_lake_does_not_show(small: SmallDomain) -> None:
    """The set is a function of the records, not of their offsets."""
    records = list(serve(small, DAYS))
    half = len(records) // 2
    end = record_all(small, records[half:])
    record_all(small, records[:half], first=end)
    assert from_scores(small).fingerprint == from_lake(small).fingerprint
