"""An entity forgotten while the stack runs: afterwards no file, key or field of the site names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis
from confluent_kafka import Producer

from features.nouns import SCORES_TOPIC
from features.settings import Settings, load_settings
from tests.end_to_end.millstream import Millstream
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

FORGOTTEN, OTHER = "forget-me-4711", "keep-me-0815"
NAMES = FORGOTTEN.encode()
AS_OF = "1998-06-30"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Millstream]:
    """A new domain whose stack is up."""
    run = Millstream(tmp_path / "bookshop", tmp_path / "var")
    run("init", str(run.repo))
    try:
        run("up")
        yield run
    finally:
        run("down")


def settings_of(run: Millstream) -> Settings:
    return load_settings(project="bookshop", var=run.var)


def purchase(customer: str, day: int) -> bytes:
    bought = {"customer_id": customer, "purchased_at": f"1998-05-{day:02}T00:00:00Z", "cds": 1, "amount_usd": 2.5}
    return json.dumps(bought).encode()


def send(run: Millstream, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": settings_of(run).kafka.bootstrap_servers})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(10) == 0


def purchases_of(run: Millstream, customer: str) -> Any:
    """How often they bought; None while the scorer has not seen the births of a store that was made anew."""
    answer = run("features", "--customer", customer, "--as-of", AS_OF, expect=None)
    return answer["features"]["purchase_history:purchases_ever"] if "features" in answer else None


def naming_files(folder: Path) -> list[Path]:
    """Files that name the forgotten entity, in their bytes or, for Parquet, in what these are once unpacked."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and NAMES in content_of(path)]


def content_of(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return b""  # merged into another meanwhile
    if path.suffix == ".parquet":
        content += repr(pq.read_table(path).to_pylist()).encode()
    return content


def naming_keys(run: Millstream) -> list[bytes]:
    """Keys of the store that name the forgotten entity, themselves or in any field."""
    store = settings_of(run).store
    with redis.Redis(host=store.host, port=store.port, db=store.database) as client:
        return [
            key
            for key in client.scan_iter(count=1_000)
            if NAMES in b"".join((key, *(part for pair in client.hgetall(key).items() for part in pair)))
        ]


def test_nothing_of_a_forgotten_entity_is_left(run: Millstream) -> None:
    """Events, dead letters, scores and states go; what it does later is a new customer's; the others keep theirs."""
    state_dir = run.var / "bookshop"
    send(run, "purchases", *(purchase(who, day) for day in range(1, 9) for who in (FORGOTTEN, OTHER)))
    send(run, "purchases", b'{"customer_id": "%b", "cds": "many"}' % NAMES, b'{"customer_id": "%b", "cds' % NAMES)
    send(run, SCORES_TOPIC, json.dumps({"request_id": "r", "entity": {"customer_id": FORGOTTEN}}).encode())
    wait_until(lambda: run("dead-letters", "count")["dead_letters"] == 2, deadline_s=60.0)
    wait_until(lambda: purchases_of(run, FORGOTTEN) == purchases_of(run, OTHER) == 8, deadline_s=60.0)
    wait_until(lambda: len(list((state_dir / "lake" / SCORES_TOPIC).rglob("*.parquet"))) > 0, deadline_s=60.0)
    assert naming_files(state_dir / "lake")
    assert naming_files(state_dir / "store")
    assert len(naming_keys(run)) == 1

    wrong = run("forget", "--entity", "colour=red", expect=2)
    assert "is no join key of this domain" in wrong["error"]["message"]
    proof = run("forget", "--entity", f"customer={FORGOTTEN}")
    assert proof["proven"]
    assert (proof["rows_erased"], proof["rows_found"], proof["fields_found"]) == (11, 0, 0)
    assert proof["files_searched"] > 0
    assert set(proof["broker_retention_ms"]) == {"purchases", "millstream.scores", "millstream.dead-letters"}

    wait_until(lambda: not naming_files(state_dir), deadline_s=30.0, what="old files of the store to go")
    assert naming_keys(run) == []
    assert run("dead-letters", "count")["dead_letters"] == 0
    gone = run("features", "--customer", FORGOTTEN, "--as-of", AS_OF)
    assert gone["notes"][0]["reason"] == "unknown_entity"
    assert purchases_of(run, OTHER) == 8
    audited = [json.loads(line) for line in (state_dir / "audit.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in audited] == ["forget"]
    assert audited[0]["detail"]["hash"] == proof["erasures"][0]["hash"]
    audit_file, content = state_dir / "audit.jsonl", (state_dir / "audit.jsonl").read_bytes()
    audit_file.unlink()  # the registry knows of the entry at once, so that nobody can take it back
    assert "is not the log of 1 entries" in run("forget", "--entity", f"customer={OTHER}", expect=4)["error"]["message"]
    audit_file.write_bytes(content)

    send(run, "purchases", purchase(FORGOTTEN, 20), purchase(OTHER, 20))
    wait_until(lambda: purchases_of(run, FORGOTTEN) == 1, deadline_s=60.0, what="the new customer's event")
    wait_until(lambda: purchases_of(run, OTHER) == 9, deadline_s=60.0, what="the other's event")

    # A store that was lost is made anew without it, and a worker that reads the topic again leaves it out.
    settings = settings_of(run).store
    with redis.Redis(host=settings.host, port=settings.port) as client:
        client.flushall()
    run("backfill", "--to-online")
    healthy = "the worker to take up the new births"
    wait_until(lambda: run("status", expect=None).get("healthy"), deadline_s=60.0, what=healthy)
    same = "the numbers of before"
    wait_until(lambda: (purchases_of(run, FORGOTTEN), purchases_of(run, OTHER)) == (1, 9), deadline_s=60.0, what=same)
    again = run("forget", "--again")
    assert again["proven"]
    assert again["rows_erased"] == 0
