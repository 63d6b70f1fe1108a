"""A child under supervision."""

from __future__ import annotations

from pathlib import Path

from deploy.child import FIRST_DELAY_S, LONGEST_DELAY_S, STEADY_S, Child
from deploy.server_process import Server


class FakeServer(Server):
    """Runs until it is told that it died."""

    name = "fake"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, port=1)
        self.alive = False
        self.spawned = 0

    def command(self) -> tuple[str, ...]:
        return ()

    def is_ready(self) -> bool:
        return self.alive

    @property
    def is_running(self) -> bool:
        return self.alive

    def spawn(self) -> None:
        self.alive = True
        self.spawned += 1


def deaths(child: Child, server: FakeServer, lives_s: list[float]) -> list[float]:
    """How long each restart waits after a death, for lives of these lengths."""
    now_s, waits = 0.0, []
    child.start(now_s)
    for life_s in lives_s:
        now_s += life_s
        server.alive = False
        died_s = now_s
        while not child.tend(now_s):
            now_s += FIRST_DELAY_S / 2
        waits.append(now_s - died_s)
    return waits


def test_a_child_that_dies_young_waits_longer_each_time(tmp_path: Path) -> None:
    """The delay doubles up to its longest, so that a broken child does not eat the machine."""
    server = FakeServer(tmp_path)
    child = Child(server)
    waits = deaths(child, server, [1.0] * 9)
    assert waits[:4] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S, 8 * FIRST_DELAY_S]
    assert waits[-1] == LONGEST_DELAY_S
    assert (child.restarts, server.spawned) == (9, 10)


def test_a_steady_child_is_forgiven(tmp_path: Path) -> None:
    """After a long life the first delay holds again."""
    server = FakeServer(tmp_path)
    assert deaths(Child(server), server, [1.0, 1.0, STEADY_S])[-1] == FIRST_DELAY_S


def test_a_living_child_is_left_alone(tmp_path: Path) -> None:
    """Tending it does nothing."""
    server = FakeServer(tmp_path)
    child = Child(server)
    child.start(0.0)
    assert not any(child.tend(float(now_s)) for now_s in range(100))
    assert server.spawned == 1
