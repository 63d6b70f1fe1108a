"""A newcomer's way: init, up, replay, train, score; then the stack goes down, comes up again, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.instants import parse_instant
from features.plan import load_plan
from features.redis_store import RedisStore
from features.settings import load_settings
from features.store import Certificate
from millstream import Client
from tests.end_to_end.millstream import Millstream
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

SPLIT = "1998-05-01"
AS_OF = "1998-06-30"


@pytest.fixture(scope="module")
def millstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Millstream]:
    """A new domain whose stack is up, and down when the module is over."""
    folder = tmp_path_factory.mktemp("newcomer")
    run = Millstream(folder / "bookshop", folder / "var")
    made = run("init", str(run.repo))
    assert str(run.repo / "definitions.py") in made["files"]
    try:
        up = run("up")
        assert up["state"] == "up"
        assert run("up")["pid"] == up["pid"], "a second up finds the first"
        yield run
    finally:
        run("down")


def some_customers(run: Millstream) -> list[str]:
    """Keys of the made-up data."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    keys = pq.read_table(run.repo / "data" / "purchases.parquet").column("customer_id")
    return [str(key) for key in pc.unique(keys).to_pylist()[:200:50]]


def features_of(run: Millstream, customers: list[str]) -> dict[str, Any]:
    """What is served of some customers, as of one instant."""
    scorer = load_settings(project="bookshop", var=run.var).scorer
    with Client(f"{scorer.host}:{scorer.port}") as client:
        return {
            key: client.get_features({"customer_id": key}, service="churn", as_of=parse_instant("", AS_OF)).values
            for key in customers
        }


def adopted_logs(run: Millstream) -> set[str]:
    """The logs of the domain's topic that may be read."""
    settings = load_settings(project="bookshop", var=run.var)

    async def ask() -> Certificate:
        store = RedisStore("bookshop", settings.store, read_only=True)
        await store.connect()
        try:
            return await store.read_certificate()
        finally:
            await store.close()

    return {log.log for log in asyncio.run(ask()).logs if log.topic == "purchases"}


@pytest.mark.faults
def test_the_loop_runs_and_survives_a_restart(millstream: Millstream) -> None:
    """From an empty folder to a proven score; `down` and `up` (the broker forgets its log) lose and skip nothing."""
    run = millstream
    plan = load_plan(run.var / "bookshop" / "plan.json")
    assert plan.project == "bookshop"

    # The first part of the history, a model, a score.
    first = run("replay", "--until", SPLIT, "--wait")
    assert first["applied"]
    trained = run("train", "--quick")
    assert trained["promoted"]
    assert trained["onnx_max_abs_diff"] == 0.0
    customers = some_customers(run)
    wait_until(lambda: serves(run), deadline_s=30.0, what="the champion to serve")
    score = run("score", "--customer", customers[0], "--as-of", AS_OF)
    assert 0.0 < score["score"] < 1.0
    assert score["version"] == "1"
    assert run("score", "--customer", "nobody")["notes"][0]["reason"] == "unknown_entity"
    assert run("models")["models"][0]["aliases"] == ["champion"]
    status = run("status")
    assert status["healthy"]
    assert {process["name"] for process in status["processes"]} == {
        *("valkey", "tansu", "mlflow", "worker", "scorer", "model-sync", "monitor")
    }
    assert run("doctor")["ok"]
    before, logs = features_of(run, customers), adopted_logs(run)
    assert run("features", "--customer", customers[0], "--as-of", AS_OF)["features"] == before[customers[0]]

    # Down and up: the broker has forgotten, nobody else has.
    assert run("down")["stopped"]
    assert not run("down")["stopped"], "a second down finds nothing"
    assert run("status", expect=3)["state"] == "down"
    assert "the stack of bookshop is down" in run("score", "--customer", customers[0], expect=3)["error"]["message"]
    run("up")
    assert adopted_logs(run) > logs, "the topic was made anew"
    assert features_of(run, customers) == before
    wait_until(lambda: serves(run), deadline_s=30.0, what="the champion to serve")
    again = run("score", "--customer", customers[0], "--as-of", AS_OF)
    assert (again["score"], again["version"]) == (score["score"], "1")

    # New events count, and all that was ever served is proven from a lake of two logs.
    second = run("replay", "--from", SPLIT, "--wait")
    assert second["events"] > 0
    letters = run("dead-letters", "count")
    assert letters["dead_letters"] == 0
    proof = run("verify")
    assert proof["proven"]
    assert (proof["checked"], proof["mismatched"]) == (3, 0)
    after = features_of(run, customers)
    counted = {key: values["purchase_history:purchases_ever"] for key, values in after.items()}
    assert counted == purchases_in_history(run, customers)

    # What comes out of the lake by other ways.
    training_set = run("backfill", "--out", str(run.var / "training.parquet"))
    assert training_set["rows"] >= trained["refit_rows"]
    assert run("backfill", "--to-online")["births"] == []
    assert len(run("backfill", "--to-online", "--rebuild")["births"]) == len(plan.views)
    wait_until(
        lambda: run("status", expect=None)["healthy"], deadline_s=60.0, what="the workers to take up the new births"
    )
    assert features_of(run, customers) == after


def serves(run: Millstream) -> bool:
    """Whether the first champion answers; while something is not well yet, `status` says so by its exit code."""
    return run("status", expect=None)["serving"] == {"churn": "1"}


def purchases_in_history(run: Millstream, customers: list[str]) -> dict[str, int]:
    """Counted in the recorded file itself."""
    import pyarrow.parquet as pq

    keys = pq.read_table(run.repo / "data" / "purchases.parquet").column("customer_id").to_pylist()
    return {customer: keys.count(customer) for customer in customers}


def test_a_poisoned_record_is_kept_counted_and_mended(millstream: Millstream) -> None:
    """A dead letter is listed with its reason, re-driven once with a mended value, and refused a second time."""
    from confluent_kafka import Producer

    run = millstream
    settings = load_settings(project="bookshop", var=run.var)
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    producer.produce("purchases", b'{"customer_id": "poison", "cds": "many"}')
    assert producer.flush(10) == 0
    wait_until(lambda: run("dead-letters", "count")["dead_letters"] == 1, deadline_s=30.0)
    (letter,) = run("dead-letters")["letters"]
    assert letter["reason"].startswith("schema_breach")
    mended = {"customer_id": "poison", "purchased_at": "1998-06-01T00:00:00Z", "cds": 1, "amount_usd": 2.5}
    sent = run("dead-letters", "redrive", letter["position"], "--value", json.dumps(mended))
    assert sent["redriven"] == 1
    wait_until(lambda: run("dead-letters")["letters"][0]["redriven"], deadline_s=30.0)
    refused = run("dead-letters", "redrive", letter["position"], expect=2)
    assert "re-driven before" in refused["error"]["message"]
    found = run("features", "--customer", "poison", "--as-of", AS_OF)["features"]
    assert found["purchase_history:spend_usd_ever"] == 2.5
