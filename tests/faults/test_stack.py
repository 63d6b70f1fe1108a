"""The embedded stack mends itself."""

from __future__ import annotations

import os
import signal

import pytest

from deploy.stack_file import StackFile
from tests.alive import is_alive
from tests.faults.kiosk import Kiosk
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

DEADLINE_S = 90.0


def stack_of(kiosk: Kiosk) -> StackFile:
    stack = kiosk.stack
    assert stack is not None
    return stack


def restarts_since(kiosk: Kiosk, before: StackFile, name: str) -> int:
    return stack_of(kiosk).processes[name].restarts - before.processes[name].restarts


def test_a_process_that_dies_is_started_again(kiosk: Kiosk) -> None:
    """Worker, scorer and store are killed at once: all come back, with everything they knew."""
    month = kiosk.replay_month()
    customer = str(month["customer_id"].iloc[0])
    count, before = kiosk.count_of(customer), stack_of(kiosk)
    names = ("worker", "scorer", "valkey")
    for name in names:
        os.kill(before.processes[name].pid, signal.SIGKILL)
    wait_until(
        lambda: all(restarts_since(kiosk, before, name) for name in names),
        deadline_s=DEADLINE_S,
        what="the supervisor to start them again",
    )
    wait_until(kiosk.is_healthy, deadline_s=DEADLINE_S, what="the stack to be healthy")
    assert kiosk.count_of(customer) == count
    assert "worker-2" in stack_of(kiosk).processes
    kiosk.replay_month()


def test_a_broker_that_dies_gets_its_topics_again(kiosk: Kiosk) -> None:
    """Its log is gone, which is another log: it is adopted, the workers join anew, and new events count."""
    customer = str(kiosk.replay_month()["customer_id"].iloc[0])
    count, before = kiosk.count_of(customer), stack_of(kiosk)
    for name in ("tansu", "valkey"):  # with the store, so that the first try to make the topics anew may fail
        os.kill(before.processes[name].pid, signal.SIGKILL)
    wait_until(
        lambda: restarts_since(kiosk, before, "worker") and restarts_since(kiosk, before, "tansu"),
        deadline_s=DEADLINE_S,
        what="broker and worker to be started again",
    )
    wait_until(kiosk.is_healthy, deadline_s=DEADLINE_S, what="the stack to be healthy")
    again = kiosk.replay_month()
    assert kiosk.count_of(customer) == count + (again["customer_id"] == customer).sum()


def test_what_a_killed_supervisor_leaves_does_not_stand_in_the_way(kiosk: Kiosk) -> None:
    """Its children go on; `up` ends them and starts anew, `down` leaves nothing behind."""
    customer = str(kiosk.replay_month()["customer_id"].iloc[0])
    before, left = kiosk.count_of(customer), stack_of(kiosk)
    os.kill(left.pid, signal.SIGKILL)
    wait_until(lambda: kiosk.stack is None, deadline_s=DEADLINE_S)
    kiosk.run("up", "--workers", "2")
    assert stack_of(kiosk).pid != left.pid
    assert not any(is_alive(info.pid) for info in left.processes.values())
    assert kiosk.count_of(customer) == before


def test_records_that_nobody_read_are_not_lost_in_silence(kiosk: Kiosk) -> None:
    """A stack that goes down while its broker holds records that no worker took says so, and leaves nothing behind."""
    running = stack_of(kiosk)
    for name in ("worker", "worker-2"):
        os.killpg(running.processes[name].pid, signal.SIGSTOP)
    kiosk.run("replay", "--from", "1998-06-01")
    refused = kiosk.run("down", expect=1)
    assert "before all of its records were applied" in refused["error"]["message"]
    assert not any(is_alive(info.pid) for info in running.processes.values())
    assert not kiosk.run("down")["stopped"]
