"""Work that is done again and again in a thread."""

from __future__ import annotations

import threading

from structlog.testing import capture_logs

from grpc_api.rounds import Rounds


def test_a_round_that_fails_is_logged_and_the_next_one_comes() -> None:
    """The thread outlives whatever its work raises, and ends when told to."""
    done, rounds = threading.Event(), [0]

    def work() -> None:
        rounds[0] += 1
        if rounds[0] == 1:
            raise OSError("the disk is away")
        done.set()

    running = Rounds(work, name="work", wait_s=lambda: 0.0)
    with capture_logs() as logs:
        running.start()
        assert done.wait(30)
        running.stop()
    assert [log["event"] for log in logs] == ["round_failed"]
    after = rounds[0]
    running.stop()
    assert rounds[0] == after
