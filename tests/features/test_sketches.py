"""Sketches: their cells are monoids, their errors are bounded, and both executions count large sets alike."""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.aggregates import CELLS, EMPTY_CELL, CellMonoid, aggregate_of
from features.aggregates.bucket_counts import bucket_of, buckets_of, representative, upper_bounds
from features.aggregates.distinct_set import (
    EXACT,
    LARGEST_RANK,
    REGISTERS,
    STANDARD_ERROR,
    count_of,
    places_of,
    stable_hash,
    stable_hashes,
)
from features.aggregates.ordered_value import order_key
from features.backfill import backfill
from features.kernels import open_kernel
from features.lake import declared_name
from features.range_merge import Ranges, squares
from features.range_sketch import FirstsOfAKind
from features.range_weighted import Ageing, Tiles, merge_weighted
from features.wavelet_matrix import WaveletMatrix
from tests.features.oracle import oracle
from tests.features.strategies import LOGS, SOURCE, features_of, whole_view

every_cell = pytest.mark.parametrize("monoid", CELLS.values(), ids=CELLS)
whole = st.one_of(st.integers(-300, 300), st.integers(-(2**52) + 1, 2**52 - 1))
quantised_values = st.one_of(st.lists(whole, max_size=30), st.integers(60, 400).map(lambda n: list(range(n))))


def cell_of(monoid: CellMonoid, values: list[int], first_offset: int) -> bytes:
    """Cell of events with these values, each at a position of its own."""
    orders = [order_key(value % 7, LOGS[0], 0, first_offset + i) for i, value in enumerate(values)]
    return monoid.lift(values, orders) if values else EMPTY_CELL


@every_cell
@given(parts=st.lists(quantised_values, min_size=2, max_size=4), shuffled=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_cells_merge_in_any_order_and_grouping(monoid: CellMonoid, parts: list[list[int]], shuffled: object) -> None:
    """The bytes are those of the whole set, whatever way it was put together."""
    cells = [cell_of(monoid, values, 1_000 * at) for at, values in enumerate(parts)]
    orders = [order_key(v % 7, LOGS[0], 0, 1_000 * at + i) for at, vs in enumerate(parts) for i, v in enumerate(vs)]
    everything = [value for values in parts for value in values]
    together = monoid.lift(everything, orders) if everything else EMPTY_CELL
    assert monoid.merge(cells) == together
    shuffled.shuffle(cells)  # type: ignore[attr-defined]  # a Random
    assert monoid.merge([monoid.merge(cells[:2]), *cells[2:]]) == together
    assert monoid.merge([EMPTY_CELL, together]) == together
    assert monoid.merge([]) == EMPTY_CELL


@pytest.mark.parametrize("name", ["first", "last", "distinct"])
@given(values=quantised_values)
@settings(max_examples=30)
def test_an_order_and_a_set_take_an_event_twice(name: str, values: list[int]) -> None:
    """Merging a cell with itself changes nothing."""
    cell = cell_of(CELLS[name], values, 0)  # type: ignore[index]  # a monoid
    assert CELLS[name].merge([cell, cell]) == cell  # type: ignore[index]  # a monoid


def test_buckets_cover_every_value_within_one_per_cent() -> None:
    """Both ends of each bucket are within 1 % of what stands for it, and the next begins where it ends."""
    bounds = upper_bounds()
    assert bounds[-1] >= 2**52 - 1 > bounds[-2]
    for bucket in range(1, len(bounds)):
        low, high = bounds[bucket - 1] + 1, bounds[bucket]
        middle = Fraction(2 * low * high, low + high)
        assert bucket_of(low) == bucket_of(high) == bucket
        assert abs(middle - low) * 100 <= low
        assert abs(middle - high) * 100 <= high
        assert representative(bucket, 10) == -representative(-bucket, 10) == float(middle / 10)
        assert high >= 50 or middle == low == high
    values = np.array([v for b in bounds[:-1] for v in (b, -b, b + 1, -b - 1)])
    assert buckets_of(values).tolist() == [bucket_of(value) for value in values.tolist()]


@pytest.mark.parametrize("function", ["p1", "median", "p90", "p99"])
def test_a_quantile_is_within_one_per_cent(function: str) -> None:
    """Of the value of nearest rank, for skewed values of either sign."""
    generator = np.random.default_rng(3)
    values = np.rint(generator.lognormal(8, 3, 5_000) * generator.choice([-1, 1], 5_000)).astype(int)
    aggregate = aggregate_of(function)
    cell = CELLS["buckets"].lift(values.tolist(), ())
    percent = 50 if function == "median" else int(function[1:])
    exact = np.sort(values)[math.ceil(percent * 5_000 / 100) - 1] / 100
    assert aggregate.finish([cell], 0, 100) == pytest.approx(exact, rel=0.01)


def test_counts_beyond_any_width_stay_exact() -> None:
    """A cell whose counts outgrow a byte, two and four goes round."""
    buckets = CELLS["buckets"]
    cell, other = buckets.lift([7], ()), buckets.lift([3], ())
    for n in range(2, 300):
        cell = buckets.merge([cell, buckets.lift([7], ())])
        assert cell == buckets.lift([7] * n, ())
    for _ in range(40):
        cell = buckets.merge([cell, cell])
    assert aggregate_of("p99").finish([buckets.merge([cell, other])], 0, 1) == 7.0
    assert (299 * 2**40).to_bytes(8, "little") in cell


@pytest.mark.parametrize("n", [65, 200, 1_000, 4_000, 20_000, 100_000])
def test_estimates_are_within_three_standard_errors(n: int) -> None:
    """Over 40 sets of each size; and their mean error is that of an estimator without bias."""
    generator = np.random.default_rng(n)
    errors = []
    for _ in range(40):
        registers, ranks = places_of(generator.integers(0, 2**64, n, np.uint64))
        held = np.zeros(REGISTERS, np.uint8)
        np.maximum.at(held, registers, ranks)
        errors.append(count_of(b"\x02" + held.tobytes()) / n - 1)
    assert max(map(abs, errors)) <= 3 * STANDARD_ERROR
    assert abs(sum(errors) / 40) <= 3 * STANDARD_ERROR / math.sqrt(40)


def test_sets_are_exact_as_long_as_they_are_few() -> None:
    """64 values are counted; from 65 on there is an estimate, and never again a set."""
    distinct = CELLS["distinct"]
    few = distinct.lift([f"user-{i}" for i in range(EXACT)] * 3, ())
    assert count_of(few) == EXACT
    many = distinct.merge([few, distinct.lift(["another"], ())])
    assert many[0] == 1
    assert count_of(many) == pytest.approx(EXACT + 1, abs=2)
    dense = distinct.lift(list(range(3_000)), ())
    assert dense[0] == 2
    assert distinct.merge([few, dense, many]) == distinct.lift(
        [*(f"user-{i}" for i in range(EXACT)), "another", *range(3_000)], ()
    )


def test_hashes_of_columns_are_those_of_values() -> None:
    """Integers, doubles with both zeros, and the rank of a hash without a set bit."""
    numbers = [0, 1, -1, 2**63 - 1, -(2**63)]
    assert stable_hashes(np.array(numbers)).tolist() == [stable_hash(number) for number in numbers]
    doubles = [0.0, -0.0, 1.5, -2.25e300]
    assert stable_hashes(np.array(doubles)).tolist() == [stable_hash(double) for double in doubles]
    assert stable_hash(True) == stable_hash(1)
    assert places_of(np.array([0, 1 << 52, (1 << 52) - 1], np.uint64))[1].tolist() == [LARGEST_RANK, LARGEST_RANK, 1]


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(0, 199)), min_size=1, max_size=20),
)
@settings(max_examples=100)
def test_a_wavelet_matrix_knows_what_a_sort_would(values: list[int], asked: list[tuple[int, int, int]]) -> None:
    """Ranks, counts below a bound and numbers of distinct values, of any slices."""
    bounds = [(*sorted((min(a, len(values)), min(b, len(values)))), k) for a, b, k in asked]
    low, high, k = (np.array(column) for column in zip(*bounds, strict=True))
    slices = [sorted(values[a:b]) for a, b, _ in bounds]
    matrix = WaveletMatrix(np.array(values))
    there = k < high - low
    assert matrix.kth(low, high, k)[there].tolist() == [
        part[r] for part, (*_, r) in zip(slices, bounds, strict=True) if r < len(part)
    ]
    assert matrix.count_below(low, high, k).tolist() == [
        sum(v < r for v in part) for part, (*_, r) in zip(slices, bounds, strict=True)
    ]
    assert FirstsOfAKind(np.array(values)).count(Ranges(low, high)).tolist() == [len(set(part)) for part in slices]


@given(st.lists(whole, min_size=1, max_size=100), st.integers(1, 40))
@settings(max_examples=60)
def test_squares_and_weighted_sums_are_exact(values: list[int], run: int) -> None:
    """Whatever the magnitude, and wherever the windows end within their tiles."""
    starts = np.arange(0, len(values), run)
    weights = np.array([2**24 - age for age in range(len(starts))])
    low, high = (
        starts.repeat(2),
        np.minimum(np.array([s + o for s in starts.tolist() for o in (run // 2, 3 * run)]), len(values)),
    )
    now = (np.maximum(high, low + 1) - 1) // run
    ranges = Ranges(low, high)
    ageing = Ageing(Tiles(starts, np.arange(len(starts))), now, weights)
    bounds = list(zip(low.tolist(), high.tolist(), now.tolist(), strict=True))
    expected = [sum(values[i] * (2**24 - (n - i // run)) for i in range(a, b)) for a, b, n in bounds]
    assert merge_weighted(np.array(values), ranges, ageing).tolist() == expected
    parts = zip(*(part.tolist() for part in squares(np.array(values))), strict=True)
    assert [divmod(value * value, 2**42)[::-1] for value in values] == list(parts)


def test_large_sets_are_estimated_alike_by_all() -> None:
    """Stream, backfill and the definition in SQL, for windows of 20 to 900 distinct numbers and texts."""
    view = msgspec.structs.replace(
        whole_view(),
        features=tuple(
            feature
            for column in ("units", "label")
            for feature in features_of("count_distinct", column, ((100, 10), (60, 10), (None, None)))
        ),
    )
    generator = np.random.default_rng(8)
    n = 3_000
    times, units = np.sort(generator.integers(0, 300, n)), generator.integers(0, 900, n)
    labels = [f"label-{number}" for number in generator.integers(0, 400, n)]
    kernel = open_kernel(view, SOURCE)
    state = kernel.new_state()
    at_us, finished = [], []
    for offset, (event_us, unit, label) in enumerate(zip(times.tolist(), units.tolist(), labels, strict=True)):
        if state.newest_us is not None and event_us > state.newest_us and event_us % 5 == 0:
            at_us.append(state.newest_us + 1)
            finished.append(kernel.finish(state, at_us[-1]))
        kernel.apply(state, (LOGS[0], 0), offset, event_us, ("d", event_us, None, unit, label))
    sent = pa.table({"device": ["d"] * n, "units": units, "label": labels, "event_us": times})
    expected, _ = oracle(view, SOURCE, sent, {"device": ["d"] * len(at_us)}, at_us)
    lake = sent.rename_columns([name if name == "event_us" else declared_name(name) for name in sent.column_names])
    columns = backfill(view, SOURCE, lake, {"device": np.array(["d"] * len(at_us))}, np.array(at_us))
    for place, name in enumerate(view.feature_names):
        assert [row[place] for row in finished] == expected[name] == columns.values[name].tolist(), name
    counts = [count for row in finished for count in row if count is not None]
    assert min(counts) < EXACT < 800 < max(counts)
