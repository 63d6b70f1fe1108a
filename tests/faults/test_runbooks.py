"""The runbooks of docs/operations.md: what the operator sees, the commands that stand there, and all is well again."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.kiosk import TOPIC, Kiosk
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

DEADLINE_S = 90.0
UNAVAILABLE = 3


def test_a_store_that_was_flushed_is_made_again(kiosk: Kiosk) -> None:
    """Nothing is served of it; births from the lake, and workers and scorers go on by themselves."""
    kiosk.buy("flushed", 2)
    kiosk.wait_for_count("flushed", 2)
    with kiosk.store() as store:
        store.flushall()
    wait_until(lambda: not kiosk.is_healthy(), DEADLINE_S, "the stack to notice")
    wait_until(lambda: is_refused(kiosk, "flushed"), DEADLINE_S, "the scorer to notice, which looks each second")
    assert kiosk.run("backfill", "--to-online")["births"]
    kiosk.wait_for_count("flushed", 2)
    wait_until(kiosk.is_healthy, DEADLINE_S, "the stack to be healthy")
    assert kiosk.run("backfill", "--to-online")["births"] == []
    kiosk.buy("flushed")
    kiosk.wait_for_count("flushed", 3)


def is_refused(kiosk: Kiosk, customer: str) -> bool:
    """Whether the scorer gives no features of a customer, for want of a certificate."""
    error = kiosk.run("features", "--customer", customer, expect=None).get("error", {})
    return error.get("exit_code") == UNAVAILABLE and "certif" in error["message"]


def test_a_topic_made_anew_is_read_from_where_the_operator_says(kiosk: Kiosk) -> None:
    """Its whole content where it was never read, none of it where it is a copy, or from an offset on."""
    for counted, start in ((3, "beginning"), (0, "end"), (1, "2")):
        customer = f"anew from {start}"
        kiosk.remake_topic()
        kiosk.buy(customer, 3)
        kiosk.wait_for_problem("was never adopted")
        kiosk.run("adopt", TOPIC, "--from", start)
        kiosk.buy(customer)
        kiosk.wait_for_count(customer, counted + 1)


def test_a_store_from_before_its_topic_was_made_anew_is_made_again(kiosk: Kiosk) -> None:
    """The lake alone has what lies in between: workers name it, and go on once the states are made from there."""
    with kiosk.store() as store:
        old = {key: store.dump(key) for key in store.keys("*")}
        kiosk.buy("in between", 2)
        kiosk.wait_for_count("in between", 2)
        wait_until(lambda: kiosk.status().behind == 0, DEADLINE_S, "all to be in the lake")
        kiosk.remake_topic()
        kiosk.run("adopt", TOPIC, "--from", "beginning")
        with store.pipeline() as back:
            back.flushall()
            for key, value in old.items():
                back.restore(key, 0, value)
            back.execute()
        store.client_kill_filter(_type="normal", skipme=True)
    kiosk.run("adopt", TOPIC, "--from", "beginning")
    kiosk.wait_for_problem("millstream backfill --to-online --rebuild")
    kiosk.run("backfill", "--to-online", "--rebuild")
    kiosk.wait_for_count("in between", 2)
    wait_until(kiosk.is_healthy, DEADLINE_S, "the stack to be healthy")


def test_what_may_be_lost_is_made_again_by_up(kiosk: Kiosk) -> None:
    """The store's folder, the plans, what was said: gone while the stack is down, and back with the next `up`."""
    kiosk.buy("kept in the lake", 2)
    kiosk.wait_for_count("kept in the lake", 2)
    kiosk.run("down")
    state_dir = kiosk.run.var / "kiosk"
    for folder in ("store", "plans", "logs"):
        shutil.rmtree(state_dir / folder)
    for file in ("plan.json", "feature_store.yaml"):
        (state_dir / file).unlink()
    kiosk.run("up", "--workers", "2")
    kiosk.wait_for_count("kept in the lake", 2)
    wait_until(kiosk.is_healthy, DEADLINE_S, "the stack to be healthy")
