"""Steps: what each makes of a row, and that ONNX Runtime makes the same of it, to the bit."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.bundle import MODEL_COLUMNS, MODEL_INPUT, MODEL_OUTPUT
from features.errors import DomainError
from features.model_file import CategorySpec, PreparationSpec, RatioSpec, TimePartsSpec
from offline_training.conversion.model_bytes import model_bytes
from offline_training.preparation.graph import Graph
from offline_training.preparation.steps import Steps, fit_steps, require_inputs
from offline_training.proof import open_session
from tests.offline_training.preparation.shop_rows import NAMES, PREPARATION, hard_rows, shop_rows

doubles = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-5, 70).map(float)


def _session(steps: Steps) -> Any:
    """The steps alone in ONNX Runtime, their first column for a raw score."""
    graph = Graph()
    steps.draw(graph, MODEL_INPUT, MODEL_COLUMNS)
    graph.columns(MODEL_COLUMNS, [0])
    graph.nodes[-1].output[:] = [MODEL_OUTPUT]
    sizes = {"n_features": steps.n_inputs, "n_outputs": 1, "n_columns": len(steps.names)}
    return open_session(model_bytes("steps", graph.nodes, graph.constants, **sizes))


def _run(session: Any, rows: np.ndarray) -> np.ndarray:
    (columns,) = session.run([MODEL_COLUMNS], {MODEL_INPUT: rows})
    return np.asarray(columns)


def _fitted(task: Any = "binary") -> Steps:
    rows, labels = shop_rows()
    return fit_steps(PREPARATION, NAMES, rows, labels[task], n_classes=3 if task == "multiclass" else 2, seed=3).steps


FITTED = {task: _fitted(task) for task in ("binary", "multiclass", "regression")}
SESSIONS = {task: _session(steps) for task, steps in FITTED.items()}


@pytest.mark.parametrize("task", FITTED)
def test_numpy_and_onnx_runtime_give_the_same_bits(task: str) -> None:
    """Of real rows and hard ones, together and one by one: null, infinite, huge, unseen, fractional and negative."""
    rows = shop_rows(seed=5)[0]
    together = np.vstack([rows, hard_rows(rows)])
    expected = FITTED[task].apply(together)
    assert _run(SESSIONS[task], together).tobytes() == expected.tobytes()
    alone = np.concatenate([_run(SESSIONS[task], row[np.newaxis]) for row in hard_rows(rows)])
    assert alone.tobytes() == expected[len(rows) :].tobytes()


@settings(deadline=None)
@given(st.lists(st.tuples(*[doubles] * len(NAMES)), min_size=1, max_size=8), st.sampled_from(sorted(FITTED)))
def test_they_do_so_for_any_row(rows: list[tuple[float, ...]], task: str) -> None:
    """Whatever doubles it holds."""
    found = np.array(rows)
    assert _run(SESSIONS[task], found).tobytes() == FITTED[task].apply(found).tobytes()


def test_at_each_telling_value_too() -> None:
    """Every hour of weeks long ago and now, every category, and the doubles beside them."""
    for task, steps in FITTED.items():
        for step in steps.steps:
            for column, values in step.telling.items():
                rows = np.tile(shop_rows(1)[0], (len(values), 1))
                rows[:, column] = values
                assert _run(SESSIONS[task], rows).tobytes() == steps.apply(rows).tobytes()


def test_the_columns_are_named_and_divided_among_the_inputs() -> None:
    """A ratio is half of either input; every other column is of one."""
    steps = FITTED["multiclass"]
    cities = tuple(f"v:city.target={each}" for each in range(3))
    channels = tuple(f"v:channel={each}" for each in ("null", 0, 1, 2, 3, 4))
    times = ("v:at_s.hour", "v:at_s.day_of_week", "v:at_s.is_weekend")
    assert steps.names == ("v:orders", "v:visits", "v:plain", *times, "conversion_rate", *channels, *cities)
    assert steps.shares.sum(axis=0).tolist() == [3.0, 1.5, 1.5, 6.0, 3.0, 1.0]
    assert steps.shares[6].tolist() == [0.0, 0.5, 0.5, 0.0, 0.0, 0.0]


@settings(deadline=None)
@given(
    at=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    unit=st.sampled_from(["seconds", "microseconds"]),
    offset_minutes=st.integers(-720, 840),
)
def test_the_parts_of_an_instant_are_the_calendars(at: datetime, unit: Any, offset_minutes: int) -> None:
    """Those of Python's own calendar, before the epoch as well."""
    told = PreparationSpec(time_parts={"v:at": TimePartsSpec(unit=unit, offset_minutes=offset_minutes)})
    instant_us = (at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    value = float(instant_us) if unit == "microseconds" else instant_us / 1e6
    steps = fit_steps(told, ("v:at",), np.array([[value]]), np.zeros(1), n_classes=2, seed=0).steps
    exact_us = int(value) if unit == "microseconds" else math.floor(value) * 1_000_000
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=exact_us, minutes=offset_minutes)
    assert steps.apply(np.array([[value]])).tolist() == [[local.hour, local.weekday(), float(local.weekday() >= 5)]]


def test_what_is_no_instant_has_no_parts() -> None:
    """Null, infinite, and so large that one unit is not told from the next."""
    told = PreparationSpec(time_parts={"v:at": TimePartsSpec(parts=("hour",))})
    rows = np.array([[np.nan], [np.inf], [-np.inf], [2.0**53], [2.0**53 - 1]])
    found = fit_steps(told, ("v:at",), rows, np.zeros(5), n_classes=2, seed=0).columns
    assert np.isnan(found[:, 0]).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("otherwise", [None, 0.25])
def test_a_ratio_of_nothing_is_what_is_said(otherwise: float | None) -> None:
    """Null, or a number: where the denominator is zero or null, or the numerator null; and infinities have no ratio."""
    told = PreparationSpec(ratios={"r": RatioSpec(numerator="a", denominator="b", otherwise=otherwise)})
    pairs = [
        (1.0, 4.0),
        (1.0, 0.0),
        (1.0, -0.0),
        (np.nan, 2.0),
        (1.0, np.nan),
        (np.inf, 2.0),
        (1.0, np.inf),
        (-0.0, 3.0),
    ]
    found = fit_steps(told, ("a", "b"), np.array(pairs), np.zeros(8), n_classes=2, seed=0).columns[:, 2]
    nothing = np.nan if otherwise is None else otherwise
    assert np.array_equal(found, [0.25, *[nothing] * 6, 0.0], equal_nan=True)
    assert not np.signbit(found[-1])


def test_categories_are_one_hot_below_twenty() -> None:
    """Null has a column of its own, an unseen value none; of twenty categories, labels stand for them."""
    told = PreparationSpec(categories={"c": CategorySpec()})
    few, many = (np.arange(n, dtype=np.float64)[:, np.newaxis] for n in (19, 20))
    steps = fit_steps(told, ("c",), few, np.zeros(19), n_classes=2, seed=0).steps
    assert len(steps.names) == 20
    assert steps.apply(np.array([[3.0]]))[0].nonzero()[0].tolist() == [4]
    assert steps.apply(np.array([[np.nan]]))[0].nonzero()[0].tolist() == [0]
    assert not steps.apply(np.array([[19.0], [3.5], [np.inf], [-1.0]])).any()
    assert fit_steps(told, ("c",), many, np.zeros(20), n_classes=2, seed=0).steps.names == ("c.target",)


def test_a_category_that_was_always_null_is_one_column() -> None:
    """There is nothing else to tell."""
    told = PreparationSpec(categories={"v:plain": CategorySpec()})
    rows = np.full((4, len(NAMES)), np.nan)
    steps = fit_steps(told, NAMES, rows, np.zeros(4), n_classes=2, seed=0).steps
    assert steps.names[-1] == "v:plain=null"
    assert _run(_session(steps), rows).tobytes() == steps.apply(rows).tobytes()


@pytest.mark.parametrize(
    ("told", "where"),
    [
        (PreparationSpec(time_parts={"v:when": TimePartsSpec()}), r"preparation\.time_parts"),
        (PreparationSpec(categories={"v:when": CategorySpec()}), r"preparation\.categories"),
        (
            PreparationSpec(ratios={"r": RatioSpec(numerator="v:plain", denominator="v:when")}),
            r"preparation\.ratios\.r",
        ),
    ],
)
def test_a_step_of_no_input_is_refused(told: PreparationSpec, where: str) -> None:
    """With the inputs that there are."""
    with pytest.raises(DomainError, match=rf"{where}.*v:when is no input.*v:at_s"):
        require_inputs(told, NAMES)
