"""What ``feast apply`` and a stock Feast client make of the default domain."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import redis

from deploy.servers import ValkeyServer
from features.compiler import apply_domain, compile_plan
from features.declarations.objects import quiet_feast
from features.feast_layout import FeastRow, KeyLayout
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import StateWrite
from features.transforms import load_transforms
from tests.redis_servers import needs_redis

REPO = Path(__file__).resolve().parents[2] / "feature_repo"
NEWEST_US = 880_000_000_000_000
CLIENT = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from feast import FeatureStore
store = FeatureStore(fs_yaml_file=Path(sys.argv[1]))
rows = json.loads(sys.argv[2])
answer = store.get_online_features(features=store.get_feature_service("churn"), entity_rows=rows)
print(json.dumps(answer.to_dict()))
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The default domain, under a project of its own."""
    folder = tmp_path / "repo"
    shutil.copytree(REPO, folder, ignore=shutil.ignore_patterns("registry.db", "data", "__pycache__"))
    config = folder / "feature_store.yaml"
    config.write_text(config.read_text().replace("project: churn", "project: stock_feast"))
    return folder


def write_rows(plan: Plan, store: StoreSettings, n_rows: int) -> list[dict[str, float]]:
    """Put customers into the store as the worker does, and tell their features."""
    (view,) = plan.views
    layout, row = KeyLayout(plan.project, view.keys), FeastRow(view)
    written = []
    with redis.Redis(host=store.host, port=store.port) as link:
        for number in range(n_rows):
            values = [
                number + 1 if feature.function == "count" else (number + 1) * 10.1 + place
                for place, feature in enumerate(view.features)
            ]
            fields = row.fields(values, NEWEST_US)
            link.hset(layout.key([f"c{number}"]), mapping=dict(zip(fields[::2], fields[1::2], strict=True)))
            written.append(dict(zip(view.feature_names, values, strict=True)))
    return written


@pytest.mark.servers
@needs_redis
@pytest.mark.parametrize("kind", ["redis_with_tls", "redis_cluster", "redis_sentinel"])
def test_a_stock_client_reads_from_any_kind_of_store(
    repo: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With TLS, in a cluster and behind Sentinels it finds by our configuration what our store wrote."""
    from feast import FeatureStore

    settings = request.getfixturevalue(kind).settings
    monkeypatch.setenv("MILLSTREAM_STORE__PASSWORD", settings.password.get_secret_value() if settings.password else "")
    state_dir = tmp_path / "var" / "stock_feast"
    plan = apply_domain(repo, state_dir, settings)
    (view,) = plan.views
    layout, row = KeyLayout(plan.project, view.keys), FeastRow(view)
    values = list(range(len(view.features)))
    writes = [StateWrite(layout.key([f"c{n}"]), b"", b"state", row.fields(values, NEWEST_US)) for n in range(20)]

    async def write() -> None:
        store = RedisStore(plan.project, settings)
        await store.connect()
        assert await store.bootstrap_states(view.name, kind, writes) == [None] * len(writes)
        await store.close()

    asyncio.run(write())
    names = [f"{view.name}:{name}" for name in view.feature_names]
    rows = [{"customer_id": f"c{n}"} for n in range(20)]
    with quiet_feast():
        client = FeatureStore(fs_yaml_file=state_dir / "feature_store.yaml")
        answer = client.get_online_features(features=names, entity_rows=rows).to_dict()
    client._get_provider().online_store._client.close()  # Feast itself never does
    for name, value in zip(view.feature_names, values, strict=True):
        assert answer[name] == [value] * 20


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("applied_by", ["feast", "millstream"])
def test_a_stock_client_reads_every_feature_of_many_rows(
    repo: Path, tmp_path: Path, valkey: ValkeyServer, applied_by: str
) -> None:
    """From another folder, without the domain's files on its path, request-time features of all rows included."""
    state_dir = tmp_path / "var" / "stock_feast"
    if applied_by == "feast":
        feast = Path(sys.executable).with_name("feast")
        subprocess.run([str(feast), "apply"], cwd=repo, check=True, capture_output=True)
        plan = compile_plan(repo)
        config = tmp_path / "feature_store.yaml"
        text = (repo / "feature_store.yaml").read_text()
        text = text.replace("localhost:6379", f"{valkey.settings.host}:{valkey.settings.port}")
        config.write_text(text.replace("sqlite:///registry.db", f"sqlite:///{repo / 'registry.db'}"))
    else:
        plan = apply_domain(repo, state_dir, valkey.settings)
        config = state_dir / "feature_store.yaml"
    written = write_rows(plan, valkey.settings, n_rows=5)
    rows = [{"customer_id": f"c{number}"} for number in range(5)]
    command = [sys.executable, "-P", "-c", CLIENT, str(config), msgspec.json.encode(rows).decode()]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    answer = msgspec.json.decode(ran.stdout.strip().rpartition("\n")[2])
    functions = load_transforms(repo)
    for name in plan.views[0].feature_names:
        assert answer[name] == [row[name] for row in written]
    for feature in plan.request_features:
        expected = [functions[feature.name](*(row[p.name] for p in feature.parameters)) for row in written]
        assert answer[feature.name] == expected
