"""The domain of card payments: four entities and two pairs of them, all computed of one topic that a seed makes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.demo.asking import count_entities, rows_at
from deploy.replay import load_history
from features.backfill import backfill
from features.compiler import compile_plan
from features.decode import Decoder
from features.domain import Domain, load_domain
from features.lake import Lake, LakeBatch, open_lake
from features.plan import Plan, SourcePlan, ViewPlan
from offline_training.observations import observe
from tests.end_to_end.millstream import Millstream
from tests.features.oracle import oracle
from tests.features.strategies import LOGS

CARDS = Path(__file__).resolve().parent / "cards"
TOPIC = "card_events"
N_EVENTS = 12_000
N_EVENTS_OF_DEMO = 30_000
N_ASKED = 40


def make_data(folder: Path, n_events: int) -> Path:
    """Run the maker for fewer events than it makes by itself; the file."""
    subprocess.run([sys.executable, str(folder / "data" / "make.py"), str(n_events)], check=True)
    return folder / "data" / f"{TOPIC}.parquet"


def copy_of(folder: Path, n_events: int) -> Path:
    """The domain with its data made."""
    shutil.copytree(CARDS, folder, ignore=shutil.ignore_patterns("*.parquet", "__pycache__", "registry.db"))
    make_data(folder, n_events)
    return folder


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of(tmp_path_factory.mktemp("cards") / "cards", N_EVENTS)


@pytest.fixture(scope="module")
def domain(repo: Path) -> Domain:
    return load_domain(repo)


@pytest.fixture(scope="module")
def plan(repo: Path) -> Plan:
    return compile_plan(repo)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, domain: Domain, plan: Plan) -> Lake:
    """All events, as a worker would have written them."""
    source = plan.source(TOPIC)
    values = [value for _, value in load_history(domain, plan, TOPIC).messages(None, None)]
    kafka_us = [2_000_000_000_000_000] * len(values)
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    decoded = Decoder(source).decode(values, kafka_us)
    lake.append(source, LOGS[0], 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))
    return lake


def facts(repo: Path, sql: str) -> tuple[Any, ...]:
    """One row of SQL over the events."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW events AS SELECT * FROM '{repo / 'data' / TOPIC}.parquet'")
        (row,) = connection.execute(sql).fetchall()
        return row


def test_four_entities_and_two_pairs_share_one_topic(plan: Plan) -> None:
    """Filters, derived columns, request fields; most of the functions that there are."""
    keys = [tuple(key.name for key in view.keys) for view in plan.views]
    assert {view.topic for view in plan.views} == {TOPIC}
    assert sorted(len(of_view) for of_view in keys) == [1, 1, 1, 1, 2, 2]
    assert len({key for of_view in keys for key in of_view}) == 4
    assert len(plan.source(TOPIC).derived) == 8
    assert plan.source(TOPIC).masks
    functions = {feature.function for view in plan.views for feature in view.features}
    assert functions >= {"count", "sum", "mean", "std", "max", "last", "median", "p95", "ewma", "count_distinct"}
    assert functions >= {"seconds_since_first", "seconds_since_last"}
    assert any(p.view is None for feature in plan.request_features for p in feature.parameters)


def test_the_data_are_the_same_bytes_at_each_making(repo: Path) -> None:
    """Nothing but the seed and the number of events decides them."""
    file = repo / "data" / f"{TOPIC}.parquet"
    before = hashlib.sha256(file.read_bytes()).digest()
    assert hashlib.sha256(make_data(repo, N_EVENTS).read_bytes()).digest() == before


def test_the_data_hold_what_is_declared_and_no_more(repo: Path, plan: Plan) -> None:
    """The declared columns in time order, about as many as asked for; nothing says which payment is fraud."""
    source = plan.source(TOPIC)
    table = pq.read_table(repo / "data" / f"{TOPIC}.parquet")
    assert table.column_names == [column.name for column in source.columns]
    assert all(table.column(column.name).null_count == 0 for column in source.columns if not column.nullable)
    times = table.column(source.timestamp_column).to_numpy()
    assert (times[1:] >= times[:-1]).all()
    assert abs(table.num_rows - N_EVENTS) < N_EVENTS / 8


def test_a_charge_back_follows_its_payment_by_days(repo: Path) -> None:
    """Each names an approved payment of the same card, merchant and device, once, and long after it was cleared."""
    backs, unpaired, soonest, ones = facts(
        repo,
        """
        WITH back AS (SELECT * FROM events WHERE event_kind = 'chargeback'),
             paid AS (SELECT * FROM events WHERE bank_answer = 'approved')
        SELECT count(*), count(*) FILTER (paid.card_token IS NULL), min(back.happened_at - paid.happened_at),
               count(DISTINCT back.authorisation_id)
        FROM back LEFT JOIN paid ON paid.authorisation_id = back.authorisation_id
            AND paid.customer_id = back.customer_id AND paid.card_token = back.card_token
            AND paid.merchant_id = back.merchant_id AND paid.device_id = back.device_id
            AND paid.amount_eur = back.amount_eur
        """,
    )
    assert backs == ones > 50
    assert unpaired == 0
    assert soonest.total_seconds() > 86_400


def test_the_rates_are_those_of_a_bank(repo: Path) -> None:
    """Few payments are refused or charged back, customers have several cards, and some share a device at home."""
    refused, backs, cards, sharing = facts(
        repo,
        """
        SELECT avg((bank_answer <> 'approved')::INT),
               count(*) FILTER (event_kind = 'chargeback') / count(*),
               count(DISTINCT card_token) / count(DISTINCT customer_id),
               (SELECT count(*) FROM (SELECT device_id FROM events WHERE entry_mode = 'ecommerce'
                GROUP BY device_id HAVING count(DISTINCT customer_id) BETWEEN 2 AND 4))
        FROM events
        """,
    )
    assert 0.01 < refused < 0.05
    assert 0.005 < backs < 0.02
    assert 1.3 < cards < 3.0
    assert sharing > 20


def test_people_pay_by_the_clock_and_by_habit(repo: Path) -> None:
    """More on Saturdays than on Sundays, hardly at night; few merchants take much; a ride costs less than a flight."""
    saturday, sunday, night, popular = facts(
        repo,
        """
        SELECT count(*) FILTER (isodow(happened_at) = 6), count(*) FILTER (isodow(happened_at) = 7),
               avg((hour(happened_at) BETWEEN 1 AND 5)::INT),
               (SELECT sum(n) FROM (SELECT count(*) AS n FROM events GROUP BY merchant_id ORDER BY n DESC
                LIMIT (SELECT count(DISTINCT merchant_id) // 10 FROM events))) / count(*)
        FROM events
        """,
    )
    assert saturday > 1.3 * sunday
    assert night < 0.08
    assert popular > 0.4
    (median,) = facts(
        repo,
        "SELECT map_from_entries(list((kind, eur))) FROM (SELECT merchant_category AS kind, median(amount_eur) AS eur "
        "FROM events GROUP BY ALL)",
    )
    assert median["transport"] < median["groceries"] < median["fashion"] < median["travel"]


def test_the_demo_asks_what_the_labels_answer(domain: Domain, plan: Plan, lake: Lake, repo: Path) -> None:
    """At each of its instants the same payments wait, with the same request fields, as were learned from."""
    end_us, *_ = facts(repo, "SELECT epoch_us(max(happened_at)) FROM events")
    fields = {"waiting_eur": "float64", "waiting_online": "bool"}
    observed = observe(lake, plan, domain, domain.demo.model, lake_end_us=end_us, request_fields=fields)  # type: ignore[arg-type]
    columns = [*(observed.keys[key].to_pylist() for key in sorted(observed.keys)), *observed.request.values()]
    known = set(zip(observed.at_us.tolist(), *columns, strict=True))
    assert 0.003 < observed.labels.mean() < 0.03
    for instant in domain.demo.score_at:
        rows = rows_at(lake, plan, domain, instant)
        at_us = int(instant.timestamp()) * 1_000_000
        asked = {
            (at_us, *(row.entity[key] for key in sorted(row.entity)), *(row.request[name] for name in fields))
            for row in rows
        }
        assert len(asked) == len(rows) > 5
        assert asked == {row for row in known if row[0] == at_us}


def test_entities_are_counted_each_by_itself(domain: Domain, plan: Plan, lake: Lake, repo: Path) -> None:
    """Customers and cards and merchants and devices, whatever the demo asks about."""
    (there_are,) = facts(
        repo,
        "SELECT count(DISTINCT customer_id) + count(DISTINCT card_token) + count(DISTINCT merchant_id) "
        "+ count(DISTINCT device_id) FROM events",
    )
    assert count_entities(lake, plan, domain) == there_are


def test_its_features_are_what_sql_says(domain: Domain, plan: Plan, lake: Lake) -> None:
    """Every feature of every view, of payments that were cleared, bit for bit."""
    source = plan.source(TOPIC)
    events = lake.read(source)
    asked = [row for instant in domain.demo.score_at for row in rows_at(lake, plan, domain, instant)][:N_ASKED]
    at_us = np.full(len(asked), int(domain.demo.score_at[-1].timestamp()) * 1_000_000, np.int64)
    for view in plan.views:
        keys = {key.name: np.array([row.entity[key.name] for row in asked]) for key in view.keys}
        columns = backfill(view, source, events, keys, at_us)
        values, _ = oracle(
            view, source, narrow(events, view, source), {k: v.tolist() for k, v in keys.items()}, at_us.tolist()
        )
        for name in view.feature_names:
            ours = [
                value if valid else None
                for value, valid in zip(columns.values[name].tolist(), columns.valid[name].tolist(), strict=True)
            ]
            assert ours == values[name], (view.name, name)


def narrow(events: pa.Table, view: ViewPlan, source: SourcePlan) -> pa.Table:
    """What the oracle joins: the columns of the topic."""
    return events.select(["event_us", *(column.name for column in source.stored)])


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    """The whole loop on a tenth of the events: fraud is found better than by one feature, every score is proven."""
    run = Millstream(copy_of(tmp_path / "cards", N_EVENTS_OF_DEMO), tmp_path / "var")
    run.said("demo", deadline_s=840.0)
    story = json.loads((tmp_path / "var" / "demo" / "summary.json").read_text())
    n_events = pq.read_metadata(run.repo / "data" / f"{TOPIC}.parquet").num_rows
    assert (story["events"], story["dead_letters"]) == (n_events, 0)
    assert story["entities"] > 3_000
    training, scores = story["training"], story["scores"]
    assert 0.9 < training["roc_auc"] < 0.995
    assert training["roc_auc"] > training["recency_roc_auc"] + 0.05
    assert story["model"]["onnx_max_abs_diff"] == 0.0
    assert (scores["errors"], scores["behind_state"], scores["records_dropped"]) == (0, 0, 0)
    assert story["serving"]["as_of"] == "2025-06-11T18:00:00Z"
    assert story["serving"]["roc_auc"] > 0.8
    assert story["verify"] == {"checked": scores["count"], "mismatched": 0}
    assert story["drift"]["watched"] > 60
