"""The stored form of a state: golden bytes, wide sums, refusals."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import given, settings

from features.errors import PlanMismatchError, StateCorruptError
from features.kernel import ViewKernel
from features.kernels import KERNELS
from features.plan import AggregatePlan, ViewPlan
from features.state import State, head_of
from tests.features.strategies import LOGS, SOURCE, Event, event_sets, whole_view

SMALL = ViewPlan(
    name="levels",
    topic="readings",
    keys=(),
    features=(
        AggregatePlan(name="n", function="count", column="level", window_us=100, hop_us=10),
        AggregatePlan(name="total", function="sum", column="level", window_us=100, hop_us=10),
        AggregatePlan(name="ever", function="sum", column="level"),
    ),
    ttl_us=0,
    hash="00112233445566ff",
)

of_every_kernel = pytest.mark.parametrize("kernel_type", KERNELS.values(), ids=KERNELS.keys())


def small_state(kernel_type: type[ViewKernel]) -> tuple[ViewKernel, State]:
    kernel = kernel_type(SMALL, SOURCE)
    state = kernel.new_state()
    for offset, (event_us, level) in enumerate([(5, 100), (27, -250), (40, 7)]):
        kernel.apply(state, (LOGS[0], 1), offset, event_us, ("d", event_us, level, None, None))
    return kernel, state


@of_every_kernel
def test_the_stored_form_of_version_2_never_changes(kernel_type: type[ViewKernel]) -> None:
    """Golden bytes, written out by hand from the layout in the module's docstring."""
    kernel, state = small_state(kernel_type)
    q = lambda *values: b"".join(value.to_bytes(8, "little", signed=True) for value in values)  # noqa: E731 - shorthand
    head = (
        b"\x02"
        + bytes.fromhex("00112233445566ff")
        + b"\0\0\0\0"
        + b"\x01\0"
        + bytes.fromhex("00000000000040008000000000000001")
        + b"\x01\0\0\0"
        + q(2)
    )
    body = q(40) + b"\x08" + q(1, 7) + b"\x08" + q(-150) + b"\x02\0\0\0\x08\x08" + q(0, 2) + q(1, 1, 100, -250)
    assert kernel.encode(state) == head + body
    assert kernel.head(state) == head == head_of(head + body)


@of_every_kernel
def test_cells_and_wide_columns_have_their_own_widths(kernel_type: type[ViewKernel]) -> None:
    """Golden bytes of the other kinds: a sum of squares of 16 bytes, an ordered value, counts per bucket, a set."""
    functions = ("var", "last", "median", "count_distinct")
    features = [
        AggregatePlan(name=function, function=function, column="level", window_us=100, hop_us=10)
        for function in functions
    ]
    kernel = kernel_type(msgspec.structs.replace(SMALL, features=tuple(features)), SOURCE)
    state = kernel.new_state()
    for offset in range(16):
        kernel.apply(state, (LOGS[0], 1), offset, 5, ("d", 5, -(2**51), None, None))
    kernel.apply(state, (LOGS[0], 1), 16, 40, ("d", 40, None, None, None))
    order = (2**63 + 5).to_bytes(8, "big") + LOGS[0].encode() + (1).to_bytes(4, "big") + (15).to_bytes(8, "big")
    last = order + (-(2**51)).to_bytes(8, "little", signed=True)
    bucket = (-1600).to_bytes(2, "little", signed=True)
    hashed = bytes.fromhex("00" + "6818af5aaf60e1c9")
    integers = struct.pack("<qqqq", 0, 16, -(2**55), 0) + (2**64).to_bytes(16, "little")
    cells = struct.pack("<H", len(last)) + last + b"\x04\0\x01" + bucket + b"\x10" + b"\x09\0" + hashed
    tip = b"\x08" + bytes(32) + bytes(6)
    body = struct.pack("<q", 40) + tip + b"\x08" + b"\x01\0\0\0\x08\x08\x08\x10" + integers + cells
    assert kernel.encode(state) == kernel.head(state) + body
    assert kernel.encode(kernel.decode(kernel.encode(state))) == kernel.encode(state)


@of_every_kernel
def test_a_state_never_written_has_an_empty_head(kernel_type: type[ViewKernel]) -> None:
    """Compare-and-set expects absence for it."""
    kernel = kernel_type(SMALL, SOURCE)
    assert kernel.head(kernel.new_state()) == b""
    assert head_of(b"") == b""


@of_every_kernel
@given(event_sets())
@settings(max_examples=100)
def test_bytes_and_state_go_round(kernel_type: type[ViewKernel], events: list[Event]) -> None:
    """Decoding and encoding again gives the same bytes, for every aggregate."""
    kernel = kernel_type(whole_view(), SOURCE)
    state = kernel.new_state()
    for event in events:
        kernel.apply(state, event.partition, event.offset, event.event_us, event.columns)
    if events:
        data = kernel.encode(state)
        assert kernel.encode(kernel.decode(data)) == data


@of_every_kernel
@pytest.mark.parametrize("n_events", [2_000, 9_000])
def test_a_sum_beyond_64_bits_stays_exact(kernel_type: type[ViewKernel], n_events: int) -> None:
    """Columns widen where a total leaves int64, in the tile and since ever, before and after storing."""
    kernel = kernel_type(SMALL, SOURCE)
    state = kernel.new_state()
    largest = 2**52 - 1
    for offset in range(n_events):
        kernel.apply(state, (LOGS[0], 0), offset, 5, ("d", 5, largest, None, None))
        if offset % 997 == 0:
            state = kernel.decode(kernel.encode(state))
    kernel.apply(state, (LOGS[0], 0), n_events, 6, ("d", 6, None, None, None))
    state = kernel.decode(kernel.encode(state))
    assert kernel.finish(state, 7) == [n_events, n_events * largest / 100, n_events * largest / 100]


@of_every_kernel
def test_cut_or_stretched_bytes_are_refused(kernel_type: type[ViewKernel]) -> None:
    """No prefix and no extension of a stored state decodes."""
    kernel, state = small_state(kernel_type)
    data = kernel.encode(state)
    for damaged in [data[:n] for n in range(len(data))] + [data + b"\0"]:
        with pytest.raises(StateCorruptError):
            kernel.decode(damaged)


@of_every_kernel
def test_another_version_and_another_view_are_refused(kernel_type: type[ViewKernel]) -> None:
    """The error names both sides."""
    kernel, state = small_state(kernel_type)
    data = kernel.encode(state)
    with pytest.raises(StateCorruptError, match="version 1"):
        kernel.decode(b"\x01" + data[1:])
    with pytest.raises(PlanMismatchError, match="ffffffffffffffff"):
        kernel.decode(data[:1] + b"\xff" * 8 + data[9:])
