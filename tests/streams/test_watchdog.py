"""The watchdog bites a worker that stands still while all its neighbours are up, and no other."""

from __future__ import annotations

from streams.pulse import Pulse
from streams.watchdog import EXIT_STALLED, Watchdog


class Kennel:
    """A watchdog whose clock, neighbours and bite are the test's."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.down: str | None = None
        self.bites: list[int] = []
        self.idle = False
        self.pulse = Pulse(lambda: self.idle)
        self.dog = Watchdog(
            pulse=self.pulse,
            stall_s=60.0,
            neighbour_down=lambda: self.down,
            bite=self.bites.append,
            monotonic=lambda: self.now_s,
        )

    def wait(self, seconds: float, step_s: float = 6.0) -> None:
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.dog.look()


def test_no_progress_ends_the_process() -> None:
    """After a stall's length, not before."""
    kennel = Kennel()
    kennel.wait(60)  # the first look only learns where the pulse is
    assert kennel.bites == []
    kennel.wait(6)
    assert kennel.bites == [EXIT_STALLED] == [70]


def test_progress_keeps_it_quiet() -> None:
    """A confirmed batch now and then, or a fetch loop that goes round with nothing to do."""
    kennel = Kennel()
    for _ in range(10):
        kennel.wait(54)
        kennel.pulse.moved()
    kennel.idle = True
    for _ in range(10):
        kennel.wait(54)
        kennel.pulse.beat()
    assert kennel.bites == []


def test_a_loop_that_goes_round_without_work_done_is_no_progress() -> None:
    """There is something to do, and it is not done."""
    kennel = Kennel()
    for _ in range(11):
        kennel.pulse.beat()
        kennel.wait(6)
    assert kennel.bites == [EXIT_STALLED]


def test_a_neighbour_that_is_down_excuses_it() -> None:
    """As long as it is down, and a stall's length beyond."""
    kennel = Kennel()
    kennel.down = "store"
    kennel.wait(600)
    assert kennel.bites == []
    kennel.down = None
    kennel.wait(54)
    assert kennel.bites == []
    kennel.wait(6)
    assert kennel.bites == [EXIT_STALLED]


def test_time_that_the_process_slept_through_does_not_count() -> None:
    """SIGSTOP for an hour is one look."""
    kennel = Kennel()
    kennel.wait(30)
    kennel.now_s += 3_600
    kennel.dog.look()
    assert kennel.bites == []
    kennel.pulse.moved()
    kennel.wait(30)
    assert kennel.bites == []
