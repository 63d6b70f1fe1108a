"""Tiles packed in an array are the tiles in lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.peers.packed_tiles import fold, new_account, newest_us, results
from deploy.peers.tiles import Account

NOW_US = 1_790_000_000_000_000
SPAN_US = 10 * 86_400_000_000

instants = st.integers(NOW_US - SPAN_US, NOW_US + SPAN_US).map(lambda at: at - at % 300_000_000) | st.integers(
    NOW_US - SPAN_US, NOW_US + SPAN_US
)
amounts = st.integers(0, 20_000).map(lambda cents: cents / 100)


@given(st.lists(st.tuples(instants, amounts), min_size=1, max_size=30))
def test_both_give_the_same_results(events: list[tuple[int, float]]) -> None:
    """After any events in any order, those on the edge of a tile and those older than a window among them."""
    first_us = events[0][0]
    account, cells = Account(first_us), new_account(first_us)
    for at_us, amount in events:
        account.add(at_us, amount)
        fold(cells, at_us, amount)
    assert results(cells) == pytest.approx(account.results())
    assert newest_us(cells) == account.newest_us
