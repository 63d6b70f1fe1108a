"""Which events come too late to change anything: exactly those that change nothing."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from features.kernels import open_kernel
from features.reach import Reach
from tests.features.strategies import SOURCE, Event, event_sets, whole_view

WHOLE = whole_view()
BOUNDED = msgspec.structs.replace(WHOLE, features=tuple(f for f in WHOLE.features if f.window_us is not None))
KERNEL = open_kernel(BOUNDED, SOURCE)
REACH = Reach(BOUNDED)


@given(event_sets(), st.lists(st.integers(1, 12), min_size=1))
@settings(max_examples=80)
def test_what_is_too_late_changes_nothing_and_batches_do_not_show(events: list[Event], sizes: list[int]) -> None:
    """Held against the kernel: it leaves tip, tiles and newest time as they were; others are in a window."""
    state = KERNEL.new_state()
    unchanged = []
    for event in events:
        before = (state.newest_us, state.tip.copy(), [(list(r.tiles), list(r.cells)) for r in state.rings])
        newest_us = state.newest_us
        KERNEL.apply(state, event.partition, event.offset, event.event_us, event.columns)
        after = (state.newest_us, state.tip, [(list(r.tiles), list(r.cells)) for r in state.rings])
        late = REACH.count_too_late(newest_us, [event.event_us])
        unchanged.append(late)
        if late:
            assert after == before
        elif newest_us is not None and event.event_us < newest_us:
            assert event.event_us >= REACH.start_us(newest_us)
    newest_us, counted, at, turn = None, 0, 0, 0
    times = [event.event_us for event in events]
    while at < len(times):
        batch = times[at : at + sizes[turn % len(sizes)]]
        counted += REACH.count_too_late(newest_us, batch)
        newest_us = max(batch) if newest_us is None else max(newest_us, *batch)
        at, turn = at + len(batch), turn + 1
    assert counted == sum(unchanged)


def test_with_a_feature_since_ever_nothing_is_too_late() -> None:
    """Any event still counts."""
    assert Reach(WHOLE).longest_us is None
    assert Reach(WHOLE).count_too_late(300, [-5]) == 0
