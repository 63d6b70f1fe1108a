"""The training set: what labels.sql must yield, and vectors that the scorer would have built."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from features.errors import DomainError
from features.kernels import open_kernel
from features.lake import open_lake
from features.nouns import Knowledge
from features.transforms import load_transforms
from features.vector import Assembler, ViewValues
from offline_training.dataset import Dataset, build_dataset
from offline_training.observations import observe
from tests.offline_training.small_domain import (
    DAY_US,
    LABELS,
    N_DAYS,
    SOURCE,
    START,
    VIEW,
    SmallDomain,
    drop_oldest,
    small_domain,
    windowed_domain,
)


def _dataset(small: SmallDomain, knowledge: Knowledge = "as_true") -> Dataset:
    functions = load_transforms(small.domain.repo, sha256=small.plan.transforms_sha256)
    lake = open_lake(small.settings.lake_url("machines"))
    return build_dataset(lake, small.plan, small.domain, "standstill", functions, knowledge=knowledge)


@pytest.mark.parametrize(("knowledge", "when"), [("as_true", "event_us"), ("as_known", "kafka_us")])
def test_rows_are_those_of_the_stream(tmp_path: Path, knowledge: Knowledge, when: str) -> None:
    """Each vector is, bit for bit, what the stream's kernel and the scorer's assembler give at that instant.

    They are given the events that lie before it, or those that had arrived, which then are up to five days late.
    """
    small = small_domain(tmp_path, arrive_within_s=5 * 86_400)
    data = _dataset(small, knowledge)
    lake = open_lake(small.settings.lake_url("machines"))
    events = lake.read(SOURCE).select(["event_us", "kafka_us", "machine", "ended_at", "parts"]).to_pylist()
    columns = [(e["machine"], e["event_us"], None if e["parts"] is None else round(e["parts"] * 100)) for e in events]
    assembler = Assembler(small.plan, "standstill", load_transforms(small.domain.repo))
    expected = []
    for at_us in sorted(set(data.at_us.tolist())):
        for machine in sorted({e["machine"] for e in events if e["event_us"] < at_us}):
            kernel = open_kernel(VIEW, SOURCE)
            state = kernel.new_state()
            for offset, row in enumerate(columns):
                if row[0] == machine and events[offset][when] < at_us:
                    kernel.apply(state, ("log", 0), offset, row[1], row)
            shift = float((at_us - 1_704_067_200_000_000) // DAY_US % 3)
            values = ViewValues(kernel.finish(state, at_us), state.newest_us)
            expected.append(assembler.assemble(at_us, {"work": values}, {"shift": shift}).values)
    assert data.names == ("work:jobs_20d", "work:mean_parts_5d", "work:idle_s", "work:age_s", "rhythm:idle_share")
    assert np.array(expected).tobytes() == data.rows.tobytes()
    assert 0 < data.labels.mean() < 1
    assert data.knowledge == knowledge


def test_a_replayed_history_cannot_be_seen_as_known(tmp_path: Path) -> None:
    """All of it arrived after every observation, so no feature would be known: an error that says what to do."""
    with pytest.raises(DomainError, match="train on it as true"):
        _dataset(small_domain(tmp_path), "as_known")


def test_equal_data_has_an_equal_fingerprint(tmp_path: Path) -> None:
    """The fingerprint depends on the data alone, and on all of it."""
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
    first, again = _dataset(small_domain(tmp_path / "one")), _dataset(small_domain(tmp_path / "two"))
    other = _dataset(small_domain(tmp_path / "other", labels=LABELS.replace("day % 3", "day % 2")))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_observations_that_the_policy_refuses_are_left_out(tmp_path: Path) -> None:
    """A model that would refuse to score a row does not learn from it; how many is told."""
    labels = LABELS.replace("1.0 * (day % 3)", "nullif(1.0 * (day % 3), 0)")
    small = small_domain(tmp_path, labels=labels, missing={"features": {"rhythm:idle_share": "fail"}})
    data = _dataset(small)
    assert data.left_out.refused > 0
    assert not np.isnan(data.rows[:, -1]).any()
    assert set((data.at_us // DAY_US).tolist()) <= {19_723 + day for day in range(20, 100, 5) if day % 3}


WRONG: dict[str, tuple[str, str]] = {
    "label passes the lake's end": (
        LABELS.replace("INTERVAL 10 DAY <= $lake_end", "INTERVAL 5 DAY <= $lake_end"),
        "horizon passes",
    ),
    "no rows": (LABELS.replace("WHERE", "WHERE false AND"), "no observation"),
    "a column too many": (LABELS.replace("machine, seen_at AS", "machine, 1 AS extra, seen_at AS"), "'extra'"),
    "a request field is missing": (LABELS.replace("1.0 * (day % 3) AS shift,", ""), "'shift'"),
    "no zone": (LABELS.replace("seen_at AS event_timestamp", "seen_at::TIMESTAMP AS event_timestamp"), "TIMESTAMPTZ"),
    "a request field of another type": (LABELS.replace("1.0 * (day % 3)", "'late'"), "is no float64"),
    "a null label": (
        LABELS.replace("(NOT EXISTS", "nullif(NOT EXISTS").replace(")) AS", "), true) AS"),
        "null",
    ),
    "a third outcome": (LABELS.replace(" AS label", "::INTEGER * 2 AS label"), "other than 0 and 1"),
    "not SQL": (LABELS.replace("SELECT machine, seen_at", "SELEKT machine, seen_at"), "does not run"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_labels_that_are_no_observations_are_refused(tmp_path: Path, wrong: str) -> None:
    """What labels.sql yields is held to its promises, with the file named."""
    labels, problem = WRONG[wrong]
    with pytest.raises(DomainError, match=problem) as caught:
        _dataset(small_domain(tmp_path, labels=labels))
    assert "labels.sql" in str(caught.value)


PROTECTED: dict[str, tuple[list[str], dict[str, Any]]] = {
    "a column of an aggregate": (["parts"], {}),
    "a column behind a request-time feature": (["shift"], {}),
    "a column of groups": ([], {"fairness": {"columns": ["parts"]}}),
}


def test_what_rows_are_told_apart_by_is_no_input(tmp_path: Path) -> None:
    """A column that the model file names travels beside the inputs, row by row, with whom each row is of."""
    labels = LABELS.replace("SELECT machine,", "SELECT machine, right(machine, 1) AS tail, day % 2 = 0 AS even,", 1)
    missing = {"features": {"rhythm:idle_share": "fail"}}
    asked = {"segments": ["tail", "work:idle_s"]}
    data = _dataset(
        small_domain(tmp_path, labels=labels, missing=missing, evaluation=asked, fairness={"columns": ["even"]})
    )
    assert not {"tail", "even"} & set(data.names)
    assert data.beside is not None
    assert {len(column) for column in (*data.beside.columns.values(), data.beside.units)} == {len(data.rows)}
    tails = {(unit, tail) for unit, tail in zip(data.beside.units.tolist(), data.column("", "tail"), strict=True)}
    assert len(tails) == len(set(data.beside.units.tolist())) == 60
    days = data.at_us // DAY_US - int(START.timestamp()) // 86_400
    assert data.column("", "even").tolist() == [str(day % 2 == 0) for day in days.tolist()]
    with pytest.raises(DomainError, match="is no input"):
        data.column("evaluation.segments", "work:gone")


@pytest.mark.parametrize("what", PROTECTED)
def test_protected_columns_stop_the_training(tmp_path: Path, what: str) -> None:
    """No feature may be computed from a protected column, not even through a request-time function."""
    protected, model = PROTECTED[what]
    with pytest.raises(DomainError, match="is protected"):
        _dataset(small_domain(tmp_path, protected=protected, **model))


def test_observations_that_look_back_on_dropped_records_are_left_out(tmp_path: Path) -> None:
    """Those that are left have the rows that they had before the lake dropped its oldest; how many are not is told."""
    small = windowed_domain(tmp_path)
    before = _dataset(small)
    dropped_us = drop_oldest(small)
    after = _dataset(small)
    kept = before.at_us - 21 * DAY_US > dropped_us
    assert after.left_out == (0, np.sum(~kept))
    assert 0 < len(after.rows) < len(before.rows)
    assert after.rows.tobytes() == before.rows[kept].tobytes()


def test_nothing_is_trained_on_where_all_observations_look_back_on_dropped_records(tmp_path: Path) -> None:
    """A feature since ever lacks its beginning everywhere."""
    small = windowed_domain(tmp_path)
    drop_oldest(small)
    with pytest.raises(DomainError, match="has dropped records that each of"):
        _dataset(small._replace(plan=msgspec.structs.replace(small.plan, views=(VIEW,))))


def test_rows_that_agree_in_time_and_keys_have_one_order(tmp_path: Path) -> None:
    """Observations of one entity at one instant are told apart by request fields: no run has them otherwise."""
    labels = LABELS.replace("1.0 * (day % 3)", "1.0 * (twin * 7 % 10)").replace("t(day))", "t(day)), range(10) u(twin)")
    small = small_domain(tmp_path, labels=labels)
    observations = observe(
        open_lake(small.settings.lake_url("machines")),
        small.plan,
        small.domain,
        "standstill",
        lake_end_us=1_704_067_200_000_000 + N_DAYS * DAY_US,
        request_fields={"shift": "float64"},
    )
    columns = (observations.at_us.tolist(), observations.keys["machine"].to_pylist(), observations.request["shift"])
    rows = list(zip(*columns, strict=True))
    assert rows == sorted(rows)
    assert len(rows) == 10 * len({row[:2] for row in rows})


def test_an_empty_lake_is_refused(tmp_path: Path) -> None:
    """Without an event there is nothing to train on, and the remedy is named."""
    small = small_domain(tmp_path)
    with pytest.raises(DomainError, match="millstream replay"):
        build_dataset(
            open_lake(str(tmp_path / "empty")), small.plan, small.domain, "standstill", {"idle_share": math.fsum}
        )
