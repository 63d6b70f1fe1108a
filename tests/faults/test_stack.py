"""The embedded stack mends itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pandas as pd
import pytest

from deploy.stack_file import StackFile, read_stack
from tests.alive import is_alive
from tests.end_to_end.millstream import Millstream
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

DEADLINE_S = 90.0


@pytest.fixture(scope="module")
def millstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Millstream]:
    """A stack of two workers that is up, with a short history applied."""
    folder = tmp_path_factory.mktemp("stack")
    run = Millstream(folder / "kiosk", folder / "var")
    run("init", str(run.repo))
    try:
        run("up", "--workers", "2")
        run("replay", "--until", "1997-03-01", "--wait")
        yield run
    finally:
        run("down")


def stack_of(run: Millstream) -> StackFile:
    stack = read_stack(run.var / "kiosk")
    assert stack is not None
    return stack


def healthy(run: Millstream) -> bool:
    """Whether all is well; while it is not, the verb says so by its exit code."""
    return run("status", expect=None)["healthy"] is True


def count_of(run: Millstream, customer: str) -> int:
    found = run("features", "--customer", customer, "--as-of", "1998-06-30")["features"]
    return int(found["purchase_history:purchases_ever"])


def first_customer(run: Millstream) -> str:
    return str(purchases(run)["customer_id"].iloc[0])


def first_customer_of(run: Millstream, begin: str, end: str) -> tuple[str, int]:
    """The first customer to buy in a span of time, and how often."""
    log = purchases(run)
    inside = log[(log["purchased_at"] >= begin) & (log["purchased_at"] < end)]["customer_id"]
    customer = str(inside.iloc[0])
    return customer, int((inside == customer).sum())


def purchases(run: Millstream) -> pd.DataFrame:
    return pd.read_parquet(run.repo / "data" / "purchases.parquet")


def test_a_process_that_dies_is_started_again(millstream: Millstream) -> None:
    """Worker, scorer and store are killed at once: all come back, with everything they knew."""
    run = millstream
    customer = first_customer(run)
    before = count_of(run, customer)
    for name in ("worker", "scorer", "valkey"):
        os.kill(stack_of(run).processes[name].pid, signal.SIGKILL)
    wait_until(
        lambda: all(stack_of(run).processes[name].restarts >= 1 for name in ("worker", "scorer", "valkey")),
        deadline_s=DEADLINE_S,
        what="the supervisor to start them again",
    )
    wait_until(lambda: healthy(run), deadline_s=DEADLINE_S, what="the stack to be healthy")
    assert count_of(run, customer) == before
    assert "worker-2" in stack_of(run).processes
    run("replay", "--from", "1997-03-01", "--until", "1997-04-01", "--wait")


def test_a_broker_that_dies_gets_its_topics_again(millstream: Millstream) -> None:
    """Its log is gone, which is another log: it is adopted, the workers join anew, and new events count."""
    run = millstream
    customer, month = first_customer_of(run, "1997-04-01", "1997-05-01")
    before = count_of(run, customer)
    for name in ("tansu", "valkey"):  # with the store, so that the first try to make the topics anew may fail
        os.kill(stack_of(run).processes[name].pid, signal.SIGKILL)
    wait_until(
        lambda: stack_of(run).processes["worker"].restarts > stack_of(run).processes["tansu"].restarts >= 1,
        deadline_s=DEADLINE_S,
        what="broker and worker to be started again",
    )
    wait_until(lambda: healthy(run), deadline_s=DEADLINE_S, what="the stack to be healthy")
    assert run("replay", "--from", "1997-04-01", "--until", "1997-05-01", "--wait")["events"] > 0
    assert count_of(run, customer) == before + month


def test_what_a_killed_supervisor_leaves_does_not_stand_in_the_way(millstream: Millstream) -> None:
    """Its children go on; `up` ends them and starts anew, `down` leaves nothing behind."""
    run = millstream
    before = count_of(run, first_customer(run))
    left = stack_of(run)
    os.kill(left.pid, signal.SIGKILL)
    wait_until(lambda: run("status", expect=None)["state"] == "down", deadline_s=DEADLINE_S)
    run("up")
    assert stack_of(run).pid != left.pid
    assert not any(is_alive(info.pid) for info in left.processes.values())
    assert count_of(run, first_customer(run)) == before


def test_records_that_nobody_read_are_not_lost_in_silence(millstream: Millstream) -> None:
    """A stack that goes down while its broker holds records that no worker took says so, and leaves nothing behind."""
    run = millstream
    running = stack_of(run)
    os.killpg(running.processes["worker"].pid, signal.SIGSTOP)
    run("replay", "--from", "1997-05-01", "--until", "1997-06-01")
    refused = run("down", expect=1)
    assert "before all of its records were applied" in refused["error"]["message"]
    assert not any(is_alive(info.pid) for info in running.processes.values())
    assert not run("down")["stopped"]
