"""The compiled kernel and its reference in Python, side by side: the same bytes, values, fields and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import PlanMismatchError, StateCorruptError
from features.kernel import ViewKernel
from features.kernels import KERNEL, KERNELS
from features.nouns import Partition
from features.state import State
from tests.features.strategies import LAW_KERNELS, LOGS, OF_INTEGERS, SOURCE, WHOLE

pytestmark = pytest.mark.skipif(KERNEL != "compiled", reason="was not built here: no C compiler")

REFERENCE = {"whole": ViewKernel(WHOLE, SOURCE), "integers": ViewKernel(OF_INTEGERS, SOURCE)}
of_every_view = pytest.mark.parametrize("view", REFERENCE)

EDGES = [2**63 - 1, *(edge + step for edge in (0, 2**31, 2**52, 2**53, 2**62) for step in (-1, 0, 1))]
"""Up to the identities of min and max, beyond which no law covers; a decoder gives none beyond 2^52."""
quantised = st.one_of(st.none(), st.integers(-100, 100), st.sampled_from([1 - 2**52, 2**52 - 1]))
numbers = {
    "whole": quantised,  # cells hold no others
    "integers": st.one_of(quantised, st.sampled_from([*EDGES, *(-edge for edge in EDGES)])),
}
instants = st.one_of(
    st.integers(-5, 300), st.integers(-5, 300), st.sampled_from([-(2**62), -(2**62) + 1, 2**62 - 1, 2**62])
)
partitions = st.sampled_from([(log, number) for log in LOGS for number in (0, -1, 2**31 - 1)])
Rows = list[tuple[Any, ...]]


def rows(view: str, at_us: st.SearchStrategy[int] = instants) -> st.SearchStrategy[tuple[Any, ...]]:
    """Events as the kernel takes them."""
    return st.tuples(st.just("d"), at_us, numbers[view], numbers[view], st.sampled_from([None, "x", "y"]))


def fill_up(state: State) -> None:
    """Bring a sum of every part to the end of 64 bits."""
    for integers in (state.tip, state.ever, *(ring.integers for ring in state.rings)):
        if integers:
            integers[0] = 2**63 - 1


def outcome(act: Any, *arguments: Any) -> Any:
    """What a call gives, or the kind of error that it ends in."""
    try:
        return act(*arguments)
    except Exception as error:
        return type(error)


def everything(kernel: ViewKernel, state: State, later: int) -> tuple[Any, ...]:
    """All that can be seen of a state."""
    newest_us, stored = state.newest_us or 0, outcome(kernel.encode, state)
    finished = [outcome(kernel.finish_stored, stored, at_us) for at_us in (newest_us - later, newest_us + later)]
    return (
        state.newest_us,
        state.positions,
        stored,
        finished if isinstance(stored, bytes) else None,
        outcome(kernel.positions_of, stored),
        outcome(kernel.finish, state, newest_us),
        outcome(kernel.finish, state, newest_us + later),
        outcome(kernel.fields, state),
    )


@of_every_view
@given(st.data(), st.integers(1, 120), st.booleans(), st.booleans())
@settings(max_examples=150)
def test_the_same_events_give_the_same_bytes(
    view: str, data: st.DataObject, later: int, stored: bool, full: bool
) -> None:
    """Also past the ends of 64 bits, where sums become wide, with ties, nulls, late and fenced events."""
    batches = st.lists(st.tuples(partitions, st.lists(rows(view), max_size=12)), min_size=1, max_size=5)
    sent: list[tuple[Partition, Rows]] = data.draw(batches)
    kernels = (REFERENCE[view], LAW_KERNELS[f"compiled-{view}"])
    states = [kernel.new_state() for kernel in kernels]
    next_offset: dict[Partition, int] = {}
    for partition, batch in sent:
        first = max(0, next_offset.get(partition, 0) - 2)
        next_offset[partition] = first + len(batch)
        offsets, times = list(range(first, first + len(batch))), [row[1] for row in batch]
        applied = [
            outcome(kernel.apply_many, state, partition, offsets, times, batch, range(len(batch)))
            for kernel, state in zip(kernels, states, strict=True)
        ]
        assert applied[0] == applied[1]
        if isinstance(applied[0], type):
            return  # an instant that no tile can be numbered for; the worker forgets such a state
        if full and partition == sent[0][0]:
            for state in states:
                fill_up(state)
        seen = [everything(kernel, state, later) for kernel, state in zip(kernels, states, strict=True)]
        assert seen[0] == seen[1]
        if stored and isinstance(seen[0][2], bytes):
            states = [kernel.decode(seen[0][2]) for kernel in kernels]


@st.composite
def damaged_states(draw: st.DrawFn, view: str) -> bytes:
    """The bytes of a state, of which some are cut out, put in or changed."""
    kernel = REFERENCE[view]
    state = kernel.new_state()
    for offset, row in enumerate(draw(st.lists(rows(view, st.integers(-5, 300)), min_size=1, max_size=6))):
        kernel.apply(state, (LOGS[offset % 2], 0), offset, row[1], row)
    data = bytearray(kernel.encode(state))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from([0, 1, 1, 1, 4, 8]))
        data[at : at + length] = draw(
            st.one_of(st.binary(max_size=9), st.sampled_from([b"\xff" * length, bytes(length)]))
        )
    return bytes(data)


@of_every_view
@given(data=st.data())
@settings(max_examples=400)
def test_damaged_bytes_end_alike_and_never_in_a_crash(view: str, data: st.DataObject) -> None:
    """Refused by both with the same error, or read by both as the same state, which can then be worked with."""
    kernels = (REFERENCE[view], LAW_KERNELS[f"compiled-{view}"])
    damaged = data.draw(damaged_states(view))
    assert len({repr(outcome(kernel.finish_stored, damaged, 200)) for kernel in kernels}) == 1
    assert len({repr(outcome(kernel.positions_of, damaged)) for kernel in kernels}) == 1
    read = [outcome(kernel.decode, damaged) for kernel in kernels]
    if isinstance(read[0], type):
        assert read[0] == read[1]
        assert read[0] in {StateCorruptError, PlanMismatchError}
        return
    assert everything(kernels[0], read[0], 50) == everything(kernels[1], read[1], 50)
    for kernel, state in zip(kernels, read, strict=True):
        outcome(kernel.apply, state, (LOGS[0], 0), 2**40, 310, ("d", 310, 1, 2, "x"))
        everything(kernel, state, 50)


@of_every_view
def test_a_state_of_another_shape_is_left_to_python(view: str) -> None:
    """Columns that are not as long as they should be end as they do there, and not beyond their ends."""
    compiled = LAW_KERNELS[f"compiled-{view}"]
    for kernel in (REFERENCE[view], compiled):
        state = kernel.new_state()
        kernel.apply(state, (LOGS[0], 0), 0, 100, ("d", 100, 1, 2, "x"))
        kernel.apply(state, (LOGS[0], 0), 1, 170, ("d", 170, 1, 2, "x"))
        del state.rings[0].tiles[:], state.rings[1].integers[:], state.tip[1:]
        with pytest.raises(IndexError):
            kernel.finish(state, 171)


def test_the_compiled_kernel_runs_where_it_was_built() -> None:
    """Nobody has to ask for it."""
    assert list(KERNELS) == ["python", "compiled"]


@of_every_view
@given(st.data(), st.integers(-50, 300))
@settings(max_examples=100)
def test_a_stored_state_is_finished_as_one_that_was_read(view: str, data: st.DataObject, later: int) -> None:
    """Without being read, where all of it are integers of 64 bits."""
    compiled = LAW_KERNELS[f"compiled-{view}"]
    state = compiled.new_state()
    for offset, row in enumerate(data.draw(st.lists(rows(view, st.integers(-5, 300)), min_size=1, max_size=12))):
        compiled.apply(state, (LOGS[offset % 2], 0), offset, row[1], row)
    stored = compiled.encode(state)
    assert state.newest_us is not None
    at_us = state.newest_us + later
    assert compiled.finish_stored(stored, at_us) == (compiled.finish(state, at_us), state.newest_us)


def test_a_state_of_integers_is_finished_where_it_lies() -> None:
    """No object is made of it; one that holds cells, or an integer of more than 64 bits, is read."""
    kernel: Any = KERNELS["compiled"](OF_INTEGERS, SOURCE)
    state = kernel.new_state()
    kernel.apply(state, (LOGS[0], 0), 0, 100, ("d", 100, 1, 2, "x"))
    assert kernel.finisher.finish_stored(kernel.encode(state), 100) == (kernel.finish(state, 100), 100)
    state.tip[0] = 2**63
    assert kernel.finisher.finish_stored(kernel.encode(state), 100) is None
