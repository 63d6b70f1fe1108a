"""Stock ``feast materialize`` over our batch engine: what the stream would show, never over what it showed since."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
import redis

from deploy.servers import ValkeyServer
from features.bootstrap import ensure_births
from features.declarations.objects import quiet_feast
from features.erasure import Erasure, hash_entity
from features.errors import PlanMismatchError
from features.feast_layout import decode_timestamp, entity_key, timestamp_field
from features.feast_offline.materialization import materialize_view
from features.feast_offline.redis_address import store_settings
from features.feast_offline.site import Site
from features.redis_store import RedisStore
from features.settings import StoreSettings
from tests.features.feast_site import EPOCH, EPOCH_US, LOGS, SPAN_US, FeastSite

pytestmark = [pytest.mark.servers, pytest.mark.filterwarnings("ignore")]

DAY = timedelta(days=1)
END = EPOCH + 5 * DAY
FEAST = """
import json, sys
from feast.cli.cli import cli
for words in json.loads(sys.argv[1]):
    cli(words, standalone_mode=False)
"""
"""Feast's command line, several commands in one process: its import takes most of the time."""

Hashes = dict[bytes, dict[bytes, bytes]]


@pytest.fixture
def site(tmp_path: Path, valkey: ValkeyServer) -> Iterator[FeastSite]:
    """A site whose store is empty at first."""
    with redis.Redis(host=valkey.settings.host, port=valkey.settings.port) as link, quiet_feast():
        yield FeastSite(tmp_path, valkey.settings, n_events=300)
        link.delete(*keys_of(link), b"_")


def keys_of(link: redis.Redis) -> list[bytes]:
    """Keys of the domain, with those that no entity has."""
    return [key for key in link.scan_iter(b"*parcels*") if link.type(key) == b"hash"]


def hashes(site: FeastSite) -> Hashes:
    """Feast's fields of every entity, without our states."""
    with redis.Redis(host=site.store.host, port=site.store.port) as link:
        found = {key: link.hgetall(key) for key in keys_of(link)}
    feast = {key: {f: v for f, v in fields.items() if not f.startswith(b"_ms:")} for key, fields in found.items()}
    return {key: fields for key, fields in feast.items() if any(field.startswith(b"_ts:") for field in fields)}


def states(site: FeastSite) -> Hashes:
    with redis.Redis(host=site.store.host, port=site.store.port) as link:
        found = {key: link.hgetall(key) for key in keys_of(link)}
    return {key: {f: v for f, v in fields.items() if f.startswith(b"_ms:")} for key, fields in found.items()}


def stream(site: FeastSite) -> Hashes:
    """What the engine itself writes of the whole lake."""

    async def write() -> None:
        store = RedisStore(site.plan.project, site.store)
        await store.connect()
        await ensure_births(store, site.lake, site.plan)
        await store.close()

    asyncio.run(write())
    return hashes(site)


def flush(site: FeastSite) -> None:
    with redis.Redis(host=site.store.host, port=site.store.port) as link:
        link.delete(*keys_of(link), b"_")


def test_it_writes_byte_for_byte_what_the_stream_writes(site: FeastSite) -> None:
    """Every entity of both stream views; a plain view as stock Feast does."""
    client = site.feast()
    client.materialize(EPOCH - DAY, END)
    written = hashes(site)
    flush(site)
    streamed = stream(site)
    sizes = {key: fields for key, fields in written.items() if timestamp_field("sizes") in fields}
    assert len(sizes) == 2
    assert {key: {f: written[key][f] for f in fields} for key, fields in streamed.items()} == streamed
    assert written.keys() == streamed.keys()


def test_a_client_reads_the_past_online_and_offline_alike(site: FeastSite) -> None:
    """As of an instant in the middle of the events, one microsecond after each entity's newest one."""
    middle = EPOCH + 1.5 * DAY
    client = site.feast()
    client.materialize(EPOCH - DAY, middle)
    features = [
        "lanes:heavy_ever",
        "lanes:mean_1d",
        "lanes:p90_6h",
        "flow:kilos_1h",
        "flow:parcels_1h",
        "flow:last_seen",
    ]
    view = site.plan.view("lanes")
    with redis.Redis(host=site.store.host, port=site.store.port) as link:
        for depot, label in [(0, "l0"), (3, "l1"), (4, "l2")]:
            entity = {"depot_id": depot, "label": label}
            online = client.get_online_features(features=features, entity_rows=[entity]).to_dict()
            for name, keys in (("lanes", view.keys), ("flow", site.plan.view("flow").keys)):
                key = entity_key(site.plan.project, keys, [entity[key.name] for key in keys])
                newest_us = decode_timestamp(link.hget(key, timestamp_field(name)) or b"")
                assert newest_us <= (middle - EPOCH) // timedelta(microseconds=1) + EPOCH_US
                at = pd.Timestamp((newest_us + 1) * 1_000, tz="UTC")
                own = [feature for feature in features if feature.startswith(name)]
                offline = client.get_historical_features(
                    entity_df=pd.DataFrame([entity | {"event_timestamp": at}]), features=own
                ).to_arrow()
                for feature in own:
                    assert offline.column(feature.split(":")[1]).to_pylist() == online[feature.split(":")[1]]


def test_it_never_goes_back_behind_the_stream(site: FeastSite) -> None:
    """Fields and states that the stream wrote stay, to the byte, whatever range is materialized."""
    streamed, before = stream(site), states(site)
    client = site.feast()
    for end in (EPOCH + DAY, END):
        client.materialize(EPOCH - DAY, end, feature_views=["flow", "lanes"])
    assert hashes(site) == streamed
    assert states(site) == before


def test_an_entity_forgotten_meanwhile_does_not_come_back(site: FeastSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events were read already when it was forgotten: all is computed anew without them."""
    monkeypatch.setenv("MILLSTREAM_LAKE__ERASURE_KEY", "ab" * 32)
    ends = {"parcels": {log: {0: 10**6} for log in LOGS}}
    forgotten = Erasure(
        id="e1", keys=("depot_id",), hash=hash_entity(b"\xab" * 32, {"depot_id": 1}), at_us=EPOCH_US, ends=ends
    )

    class Interrupted(Site):
        """Somebody forgets the entity just after the events were first read."""

        n_reads = 0

        def events(self, topic: str) -> pa.Table:
            events = super().events(topic)
            self.n_reads += 1
            if self.n_reads == 1:
                asyncio.run(forget())
            return events

    async def forget() -> None:
        other = RedisStore(site.plan.project, site.store)
        await other.connect()
        await other.raise_erasure(forgotten)
        await other.close()

    async def materialize(domain: Site) -> int:
        store = RedisStore(site.plan.project, site.store)
        await store.connect()
        view, until_us = site.plan.view("flow"), EPOCH_US + SPAN_US
        n_written = await materialize_view(domain, store, view, 0, until_us, lambda _: None)
        await store.close()
        return n_written

    domain = Interrupted(site.feast().config)
    assert asyncio.run(materialize(domain)) == 4
    assert domain.n_reads == 2
    keys = site.plan.view("flow").keys
    assert set(hashes(site)) == {entity_key(site.plan.project, keys, [depot]) for depot in (0, 2, 3, 4)}


def test_a_view_whose_old_birth_is_shown_is_left_alone(site: FeastSite) -> None:
    """While workers keep the fields of the declaration before, those of the new one are not mixed in."""
    stream(site)
    site.domain.replace("definitions.py", "slide_interval=timedelta(minutes=1)", "slide_interval=timedelta(minutes=2)")
    site.apply()
    with pytest.raises(PlanMismatchError, match=r"the older side is the store's birth"):
        site.feast().materialize(EPOCH - DAY, END, feature_views=["flow"])


def test_increments_and_ranges_write_those_with_news(site: FeastSite) -> None:
    """Of a range, entities whose newest event lies in it; increments go on where the last one ended."""
    client = site.feast()
    client.materialize(EPOCH - 20 * DAY, EPOCH - 10 * DAY, feature_views=["flow"])
    assert hashes(site) == {}
    flow = ["flow"]
    client.materialize(EPOCH - DAY, EPOCH + 1.5 * DAY, feature_views=flow)
    first = hashes(site)
    client.materialize_incremental(END, feature_views=flow)
    flush(site)
    client = site.feast()
    assert client.get_stream_feature_view("flow").most_recent_end_time == END
    client.materialize(EPOCH - DAY, END, feature_views=flow)
    assert hashes(site) != first
    assert len(first) == len(hashes(site)) == 5


@pytest.mark.slow
@pytest.mark.timeout(400)  # Feast's command line takes long to load
def test_the_command_line_of_feast_does_all_of_it(site: FeastSite) -> None:
    """``feast apply`` in the folder after ``millstream apply``, and ``feast materialize`` from there."""
    text = (site.repo / "feature_store.yaml").read_text()
    address = f"{site.store.host}:{site.store.port}"
    (site.repo / "feature_store.yaml").write_text(text.replace("localhost:6379", address))

    env = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    times = [(EPOCH - DAY).isoformat(), END.isoformat()]
    words = [["apply"], ["materialize", *times, "--views", "flow", "--views", "lanes"]]
    command = [sys.executable, "-P", "-c", FEAST, msgspec.json.encode(words).decode()]
    ran = subprocess.run(command, cwd=site.repo, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    written = hashes(site)
    flush(site)
    assert written == stream(site)


def test_a_definition_that_only_feast_applied_is_refused(site: FeastSite) -> None:
    """The registry's view has a hash that no plan ever had: the plan is the old side."""
    from feast import FeatureStore

    client: FeatureStore = site.feast()
    view = client.get_stream_feature_view("flow")
    view.tags = {}
    view.aggregations[0].time_window = 2 * view.aggregations[0].time_window
    client.registry.apply_feature_view(view, client.project)
    with pytest.raises(PlanMismatchError, match="the older side is the plan"):
        site.feast().materialize(EPOCH, END, feature_views=["flow"])


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({"connection_string": "db.example:6380,db=3"}, StoreSettings(host="db.example", port=6380, database=3)),
        (
            {"connection_string": "h:1,username=me,password=123,ssl=true"},
            StoreSettings(host="h", port=1, username="me", password="123", tls=True),
        ),
        (
            {"redis_type": "redis_cluster", "connection_string": "a:1,b:2,skip_full_coverage_check=true"},
            StoreSettings(cluster="a:1,b:2"),
        ),
        (
            {"redis_type": "redis_sentinel", "sentinel_master": "m", "connection_string": "a:1,b:2,db=0"},
            StoreSettings(sentinels="a:1,b:2", sentinel_service="m"),
        ),
    ],
)
def test_it_writes_where_feast_would(config: dict[str, str], settings: StoreSettings) -> None:
    """The connection string of every kind of store names the same store to our client."""
    from feast.infra.online_stores.redis import RedisOnlineStoreConfig

    assert store_settings(RedisOnlineStoreConfig(**config)) == settings
