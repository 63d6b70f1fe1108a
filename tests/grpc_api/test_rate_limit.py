"""How often a client may call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grpc_api.rate_limit import KEPT, RateLimit


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


def test_a_burst_passes_and_then_the_rate() -> None:
    """Three at once, then one each tenth of a second; who is refused is told how long to wait."""
    hand = Hand()
    limit = RateLimit(10.0, 3, monotonic=hand)
    assert [limit.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    wait_s = limit.take("a")
    assert 0 < wait_s <= 0.1
    hand.s += wait_s + 1e-9
    assert limit.take("a") == 0.0
    assert limit.take("a") > 0


def test_clients_do_not_share() -> None:
    """One that calls too often is nothing to another."""
    limit = RateLimit(1.0, 1, monotonic=Hand())
    assert limit.take("a") == 0.0
    assert limit.take("a") > 0
    assert limit.take("b") == 0.0


@given(
    steps=st.lists(st.floats(min_value=0, max_value=3, allow_nan=False), max_size=60),
    burst=st.integers(min_value=1, max_value=5),
)
def test_it_is_a_bucket_of_tokens(steps: list[float], burst: int) -> None:
    """The one number gives what counting tokens gives."""
    hand, tokens = Hand(), float(burst)
    limit = RateLimit(2.0, burst, monotonic=hand)
    for step in steps:
        hand.s += step
        tokens = min(burst, tokens + step * 2.0)
        if abs(tokens - 1) < 1e-6:
            return  # too close to call in floating point
        passed = limit.take("a") == 0.0
        assert passed == (tokens >= 1)
        tokens -= passed


def test_clients_that_came_once_are_forgotten() -> None:
    """A bucket that is full again takes no memory, however many clients there were."""
    hand = Hand()
    limit = RateLimit(100.0, 10, monotonic=hand)
    for i in range(20 * KEPT):
        hand.s += 0.001
        limit.take(str(i))
    assert len(limit) <= 3 * KEPT
