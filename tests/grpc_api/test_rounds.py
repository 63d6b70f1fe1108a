"""Work that is done again and again in a thread."""

from __future__ import annotations

import threading

from structlog.testing import capture_logs

from grpc_api.rounds import Rounds


def test_rounds_go_on_and_failures_in_a_row_are_logged_once() -> None:
    """The thread outlives whatever its work raises, and ends when told to."""
    done, rounds = threading.Event(), [0]

    def work() -> None:
        rounds[0] += 1
        if rounds[0] in {1, 2, 4}:
            raise OSError("the disk is away")
        if rounds[0] == 5:
            done.set()

    running = Rounds(work, name="work", wait_s=lambda: 0.0)
    with capture_logs() as logs:
        running.start()
        assert done.wait(30)
        running.stop()
    assert [(log["event"], log["thread"]) for log in logs] == [("round_failed", "work")] * 2
    after = rounds[0]
    running.stop()
    assert rounds[0] == after
