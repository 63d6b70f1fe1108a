"""Any Feast client reads our features: on real purchases, its numbers are the scorer's, bit for bit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.replay import load_history
from deploy.servers import ValkeyServer
from features.bootstrap import ensure_births
from features.clock import SystemClock
from features.compiler import apply_domain
from features.decode import Decoder
from features.domain import load_domain
from features.lake import Lake, LakeBatch, open_lake
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import ScorerSettings
from grpc_api.client import Client
from grpc_api.metrics import ScorerMetrics
from grpc_api.served_model import load_declarations
from tests.features.strategies import LOGS
from tests.grpc_api.running import RunningScorer
from tests.grpc_api.shop import ListedRecords

REPO = Path(__file__).resolve().parents[2] / "feature_repo"
N_CUSTOMERS = 1_000
STOCK_CLIENT = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from feast import FeatureStore
store = FeatureStore(fs_yaml_file=Path(sys.argv[1]))
rows = json.loads(sys.stdin.read())
answer = store.get_online_features(features=store.get_feature_service("churn"), entity_rows=rows)
print(json.dumps(answer.to_dict()))
"""


def fill_lake(lake: Lake, plan: Plan, repo: Path) -> dict[str, datetime]:
    """Put all recorded purchases into the lake; the newest of each customer."""
    source = plan.source("purchases")
    values = [value for _, value in load_history(load_domain(repo), plan, "purchases").messages(None, None)]
    kafka_us = [2_000_000_000_000_000] * len(values)
    decoded = Decoder(source).decode(values, kafka_us)
    lake.append(source, LOGS[0], 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))
    newest_us: dict[str, int] = defaultdict(int)
    for columns, event_us in zip(decoded.columns, decoded.event_us, strict=True):
        assert columns is not None
        newest_us[str(columns[0])] = max(newest_us[str(columns[0])], event_us)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {customer: epoch + timedelta(microseconds=us) for customer, us in newest_us.items()}


def ask_stock_feast(config: Path, customers: list[str], cwd: Path) -> dict[str, list[Any]]:
    rows = msgspec.json.encode([{"customer_id": customer} for customer in customers])
    command = [sys.executable, "-P", "-c", STOCK_CLIENT, str(config)]
    ran = subprocess.run(command, cwd=cwd, input=rows, capture_output=True, check=True)
    answer: dict[str, list[Any]] = msgspec.json.decode(ran.stdout.strip().rpartition(b"\n")[2])
    return answer


@pytest.mark.servers
@pytest.mark.slow
async def test_stock_feast_and_the_scorer_tell_the_same_numbers(tmp_path: Path, valkey: ValkeyServer) -> None:
    """Of 1,000 customers, every feature: `get_online_features` is `GetFeatures(as_of=_ts + 1 µs)`."""
    repo = tmp_path / "repo"
    shutil.copytree(REPO, repo, ignore=shutil.ignore_patterns("registry.db", "__pycache__"))
    config = repo / "feature_store.yaml"
    config.write_text(config.read_text().replace("project: churn", "project: agreeing"))
    state_dir = tmp_path / "var" / "agreeing"
    plan = apply_domain(repo, state_dir, valkey.settings)
    lake = open_lake(str(tmp_path / "lake"))
    newest = fill_lake(lake, plan, repo)
    store = RedisStore(plan.project, valkey.settings)
    await store.connect()
    (made,) = await ensure_births(store, lake, plan)
    assert made.n_entities == len(newest) == 23_570
    await store.close()
    customers = sorted(newest)[:: len(newest) // N_CUSTOMERS][:N_CUSTOMERS]
    stock = ask_stock_feast(state_dir / "feature_store.yaml", customers, tmp_path)
    scorer = RunningScorer(
        settings=ScorerSettings(port=0, rest=False),
        declared=(load_declarations(plan.hash, state_dir),),
        models_folder=state_dir / "models",
        open_reader=lambda: RedisStore(plan.project, valkey.settings),
        records=ListedRecords(),
        metrics=ScorerMetrics(),
        clock=SystemClock(),
    )
    scorer.start()
    try:
        with Client(f"127.0.0.1:{scorer.port}") as client:
            for i, customer in enumerate(customers):
                at = newest[customer] + timedelta(microseconds=1)
                ours = client.get_features({"customer_id": customer}, service="churn", as_of=at)
                theirs = {name: stock[name.partition(":")[2]][i] for name in ours.values}
                assert ours.values == theirs, customer
                assert len(ours.values) == len(plan.service("churn").features)
    finally:
        scorer.stop(drain_s=1.0)
