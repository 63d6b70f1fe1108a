"""The law of the engine, over every registered aggregate: a state is the fold of a set of events."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from features.aggregates import AGGREGATES
from features.kernel import ViewKernel
from features.nouns import FeatureValue
from features.plan import AggregatePlan
from features.state import State
from features.windows import window_start_us
from tests.features.strategies import SOURCE, WHOLE, Event, event_sets, interleavings, under_every_kernel


def fold(kernel: ViewKernel, events: list[Event], state: State | None = None) -> State:
    state = kernel.new_state() if state is None else state
    for event in events:
        kernel.apply(state, event.partition, event.offset, event.event_us, event.columns)
    return state


def written(kernel: ViewKernel, state: State) -> bytes:
    return kernel.encode(state) if state.newest_us is not None else b""


def by_definition(feature: AggregatePlan, events: list[Event], at_us: int) -> FeatureValue:
    """One feature straight from its definition, in rational numbers."""
    start = None
    if feature.window_us is not None and feature.hop_us is not None:
        start = window_start_us(at_us, feature.window_us, feature.hop_us)
    names = [column.name for column in SOURCE.columns]
    ordinal, decimals = names.index(feature.column), SOURCE.column(feature.column).decimals or 0
    inside = [e for e in events if e.event_us < at_us and (start is None or e.event_us >= start)]
    inside = sorted((e for e in inside if e.columns[ordinal] is not None), key=lambda e: (e.event_us, e[0], e.offset))
    if feature.function == "count":
        return len(inside)
    if feature.function == "count_distinct":
        return len({e.columns[ordinal] for e in inside})
    if feature.function.startswith("seconds_since"):
        if not inside:
            return None
        pick = max if feature.function.endswith("last") else min
        return float(Fraction(at_us - pick(e.event_us for e in inside), 1_000_000))
    numbers = [Fraction(int(str(e.columns[ordinal])), 10**decimals) for e in inside]
    if feature.hop_us is not None and feature.weights:
        ages = [at_us // feature.hop_us - e.event_us // feature.hop_us for e in inside]
        return weighted_mean(numbers, [feature.weights[age] for age in ages])
    return number_of(feature.function, numbers, 10**decimals)


def number_of(function: str, numbers: list[Fraction], scale: int) -> float | None:
    """A function of numbers alone, which stand in the order of their events."""
    n = len(numbers)
    if function == "sum":
        return float(sum(numbers, Fraction(0)))
    if not numbers or (n < 2 and function in {"var", "std"}):
        return None
    if function in {"var", "std"}:
        mean = sum(numbers) / n
        variance = float(sum((number - mean) ** 2 for number in numbers) / (n - 1))
        return variance if function == "var" else math.sqrt(variance)
    if function == "median" or function[0] == "p":
        percent = 50 if function == "median" else int(function[1:])
        return middle_of_bucket(sorted(numbers)[math.ceil(Fraction(percent * n, 100)) - 1], scale)
    return float(
        {
            "mean": sum(numbers) / n,
            "min": min(numbers),
            "max": max(numbers),
            "first": numbers[0],
            "last": numbers[-1],
        }[function]
    )


def weighted_mean(numbers: list[Fraction], weights: list[int]) -> float | None:
    """Older ones weigh less."""
    total = sum(w * number for w, number in zip(weights, numbers, strict=True))
    return float(Fraction(total) / sum(weights)) if numbers else None


def middle_of_bucket(number: Fraction, scale: int) -> float:
    """What a quantile gives in place of a value: the harmonic mean of the bounds of its bucket."""
    units = abs(number * scale)
    low = high = 0
    while high < units:
        low = high + 1
        high = math.floor(Fraction(101, 99) * low)
    middle = Fraction(2 * low * high, low + high) / scale if units else Fraction(0)
    return float(middle if number >= 0 else -middle)


@under_every_kernel
@given(st.data())
@settings(max_examples=60)
def test_any_order_of_arrival_gives_the_same_bytes(kernel: ViewKernel, data: st.DataObject) -> None:
    """Partitions may interleave at will: the stored state does not show it."""
    events = data.draw(event_sets())
    assert written(kernel, fold(kernel, data.draw(interleavings(events)))) == written(kernel, fold(kernel, events))


@under_every_kernel
@given(event_sets(), st.lists(st.integers(1, 12), min_size=1), st.integers(0, 5))
@settings(max_examples=120)
def test_any_split_into_batches_gives_the_same_bytes(
    kernel: ViewKernel, events: list[Event], sizes: list[int], rewind: int
) -> None:
    """A batch of one partition folded at once, and some of it again, ends as one event at a time does."""
    state = kernel.new_state()
    applied = 0
    for partition in sorted({event.partition for event in events}):
        queue = [event for event in events if event.partition == partition]
        at = turn = 0
        while at < len(queue):
            batch = queue[max(0, at - rewind) : at + sizes[turn % len(sizes)]]
            at, turn = at + sizes[turn % len(sizes)], turn + 1
            columns: list[tuple[object, ...] | None] = [event.columns for event in batch]
            offsets, times = [event.offset for event in batch], [event.event_us for event in batch]
            applied += kernel.apply_many(state, partition, offsets, times, columns, range(len(batch)))
    assert applied == len(events)
    assert written(kernel, state) == written(kernel, fold(kernel, events))


@under_every_kernel
@given(st.data())
@settings(max_examples=60)
def test_any_crash_and_replay_gives_the_same_bytes(kernel: ViewKernel, data: st.DataObject) -> None:
    """Stored and read back at any point, then replayed from any point below: the fence counts nothing twice."""
    events = data.draw(event_sets())
    crash = data.draw(st.integers(0, len(events)))
    rewind = data.draw(st.integers(0, crash))
    stored = written(kernel, fold(kernel, events[:crash]))
    recovered = kernel.decode(stored) if stored else kernel.new_state()
    assert written(kernel, fold(kernel, events[rewind:], recovered)) == written(kernel, fold(kernel, events))


@under_every_kernel
@given(event_sets(), st.integers(0, 150))
@settings(max_examples=60)
def test_every_aggregate_equals_its_definition(kernel: ViewKernel, events: list[Event], later: int) -> None:
    """Seen at the newest event or after, each feature is the double nearest to the exact value."""
    state = fold(kernel, events)
    at_us = (state.newest_us or 0) + later
    expected = [by_definition(feature, events, at_us) for feature in kernel.view.features]
    assert kernel.finish(state, at_us) == expected


@under_every_kernel
@given(event_sets(), st.integers(1, 50))
@settings(max_examples=40)
def test_an_instant_before_the_newest_event_reads_as_the_newest_event(
    kernel: ViewKernel, events: list[Event], earlier: int
) -> None:
    """A state cannot look back: ``as_of`` is raised to its newest event time."""
    state = fold(kernel, events)
    if state.newest_us is not None:
        assert kernel.finish(state, state.newest_us - earlier) == kernel.finish(state, state.newest_us)


def test_every_registered_aggregate_is_under_the_laws() -> None:
    """A new aggregate cannot escape: the view of the laws is built from the register."""
    assert {feature.function for feature in WHOLE.features} >= set(AGGREGATES)


@under_every_kernel
@given(event_sets())
@settings(max_examples=40)
def test_a_fenced_event_changes_nothing(kernel: ViewKernel, events: list[Event]) -> None:
    """An event at or below the position of its partition is skipped, and said to be."""
    state = fold(kernel, events)
    before = written(kernel, state)
    assert not any(kernel.apply(state, e.partition, e.offset, e.event_us + 7, e.columns) for e in events)
    assert written(kernel, state) == before
