"""What the bench of busy entities takes for bearable."""

from __future__ import annotations

import pytest

from deploy.bench_hot_keys import SHAPES, Measured, bearable

CALM = Measured(30_000.0, 20.0, 10.0, 50.0, 1_000, 0)


@pytest.mark.parametrize(
    ("busy", "is_bearable"),
    [
        (CALM, True),
        (CALM._replace(events_per_second=16_000.0, others_p50_ms=39.0), True),
        (CALM._replace(events_per_second=14_000.0), False),
        (CALM._replace(others_p50_ms=41.0), False),
    ],
)
def test_others_may_wait_twice_as_long_and_no_longer(busy: Measured, is_bearable: bool) -> None:
    """Beside the same traffic with nobody busy, and some milliseconds that a machine is uneven by."""
    runs = dict.fromkeys(SHAPES, CALM)
    assert bearable({**runs, "busy in every partition": busy}) is is_bearable


def test_refusals_are_told_as_a_share() -> None:
    """Of all writes, those that met another worker's."""
    assert CALM._replace(refused=250).data()["refused"] == 0.2
