"""When a client asks again, and when it does not."""

from __future__ import annotations

import grpc
import pytest

from grpc_api.client_retries import Attempts, Retries, RetryThrottle

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def attempts(
    deadline_s: float | None = 5.0,
    *,
    clock: Clock | None = None,
    throttle: RetryThrottle | None = None,
    draw: float = 1.0,
    **retries: float,
) -> Attempts:
    return Attempts(
        Retries(**retries),  # type: ignore[arg-type]  # a mapping of mixed types
        throttle or RetryThrottle(),
        deadline_s,
        now_s=clock or Clock(),
        draw=lambda: draw,
    )


def test_pauses_grow_and_end() -> None:
    """Twice as long each time, up to the longest; after the last attempt none."""
    some = attempts(attempts=5, pause_s=0.1, longest_pause_s=0.3)
    pauses = []
    for _ in range(5):
        some.begin()
        pauses.append(some.pause_s(UNAVAILABLE))

    assert pauses == [0.1, 0.2, 0.3, 0.3, None]


def test_pauses_are_drawn() -> None:
    """So that clients which failed together do not come back together."""
    some = attempts(draw=0.25, pause_s=0.1)
    some.begin()

    assert some.pause_s(UNAVAILABLE) == 0.025


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not UNAVAILABLE])
def test_only_an_unavailable_server_is_asked_again(code: grpc.StatusCode) -> None:
    """Refusals stay refusals, overload would be made worse, and a deadline has passed."""
    some = attempts()
    some.begin()

    assert some.pause_s(code) is None


def test_the_deadline_is_a_budget_over_all_attempts() -> None:
    """Each has what is left, and none is begun that there is no time for."""
    clock = Clock()
    some = attempts(1.0, clock=clock, pause_s=0.4)
    assert some.begin() == 1.0
    clock.s += 0.3
    assert some.pause_s(UNAVAILABLE) == 0.4
    clock.s += 0.4
    assert some.begin() == pytest.approx(0.3)
    assert some.pause_s(UNAVAILABLE) is None  # the pause would end after the deadline


def test_without_a_deadline_attempts_have_no_limit() -> None:
    """Of time; their number is limited all the same."""
    some = attempts(None, attempts=2)
    assert some.begin() is None
    assert some.pause_s(UNAVAILABLE) is not None
    some.begin()
    assert some.pause_s(UNAVAILABLE) is None


def test_a_client_that_mostly_fails_stops_asking_again() -> None:
    """Until answers come once more: a server that is down is not kept down by retries."""
    throttle = RetryThrottle()
    asked_again = 0
    for _ in range(20):
        some = attempts(throttle=throttle, attempts=2)
        some.begin()
        asked_again += some.pause_s(UNAVAILABLE) is not None
    assert asked_again == 4

    for _ in range(70):
        attempts(throttle=throttle).answered()
    some = attempts(throttle=throttle)
    some.begin()
    assert some.pause_s(UNAVAILABLE) is not None
