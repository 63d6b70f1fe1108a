"""The oracle of fault runs against the engine's arithmetic, with no server between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.faults.oracle import expected_states
from deploy.faults.payments import HABIT, SOURCE, SPEND, Payments
from deploy.faults.sent import Sent
from features.decode import Decoder
from features.kernels import open_kernel
from features.plan import ViewPlan
from features.state import State

ARRIVED_US = 1_760_000_000_000_000


@pytest.mark.parametrize("view", [SPEND, HABIT], ids=lambda view: view.name)
def test_it_agrees_with_the_kernel(tmp_path: Path, view: ViewPlan) -> None:
    """Every value, newest time and position of thousands of events, also of late ones and of two logs."""
    sent, kernel, decoder = Sent(tmp_path / "sent"), open_kernel(view, SOURCE), Decoder(SOURCE)
    states: dict[int, State] = {}
    offsets: dict[tuple[str, int], int] = {}
    for i, payment in enumerate(Payments(5, 20_000)):
        at = ("old" if i < 9_000 else "new", payment.partition)
        offset = offsets[at] = offsets.get(at, -1) + 1
        sent.add(payment, *at, offset)
        decoded = decoder.decode([payment.value], [ARRIVED_US])
        columns = decoded.columns[0]
        if columns is not None:
            state = states.setdefault(payment.account, kernel.new_state())
            kernel.apply(state, at, offset, decoded.event_us[0], columns)
    sent.save()
    assert sent.ends == {at: offset + 1 for at, offset in offsets.items()}
    expected = expected_states(sent.files, view)
    assert expected.keys() == states.keys()
    for account, state in states.items():
        newest_us, n_events, values, positions = expected[account]
        assert (newest_us, positions) == (state.newest_us, state.positions)
        assert kernel.finish(state, newest_us + 1) == values
        assert values[0] == n_events
