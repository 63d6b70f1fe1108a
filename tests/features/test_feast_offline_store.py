"""Stock ``get_historical_features`` over our offline store: the backfill's numbers, every row, in order."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.backfill import backfill
from features.declarations.objects import quiet_feast
from features.errors import DomainError, PlanMismatchError, RequestError
from features.feast_offline.site import Site
from features.history import UNKNOWN
from features.transforms import load_transforms
from tests.features.feast_site import EPOCH, EPOCH_US, SPAN_US, FeastSite, observations

# Feast 0.67 warns of its own deprecated imports, and of each experimental feature that it is asked for.
pytestmark = pytest.mark.filterwarnings("ignore")

FLOW = ["flow:parcels_1h", "flow:kilos_1h", "flow:last_seen"]
LANES = ["lanes:heavy_ever", "lanes:mean_1d", "lanes:p90_6h"]
ANY = [{"depot_id": 1, "event_timestamp": EPOCH + timedelta(days=1)}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> FeastSite:
    return FeastSite(tmp_path_factory.mktemp("feast"))


@pytest.fixture
def fresh(tmp_path: Path) -> FeastSite:
    """A site of one's own, to be altered."""
    return FeastSite(tmp_path, n_events=20)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with quiet_feast():
        yield


def bits(column: Sequence[Any]) -> list[Any]:
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in column]


def expected(site: FeastSite, name: str, rows: Mapping[str, Sequence[Any]], at_us: Sequence[int]) -> dict[str, Any]:
    """The backfill itself, null where the entity is not known or is stale."""
    view = site.plan.view(name)
    source = site.plan.source(view.topic)
    keys = {key.name: np.array(rows[key.name]) for key in view.keys}
    columns = backfill(view, source, site.lake.read(source), keys, np.array(at_us, np.int64))
    known = columns.newest_us != UNKNOWN
    if view.ttl_us:
        known &= np.array(at_us) - columns.newest_us <= view.ttl_us
    assert 0 < known.sum() < len(known)  # or nothing is told
    return {
        feature: bits([v if there else None for v, there in zip(values.tolist(), valid & known, strict=True)])
        for feature, values in columns.values.items()
        for valid in (columns.valid[feature],)
    }


def cells(table: pa.Table, names: Sequence[str], prefix: str = "") -> dict[str, Any]:
    return {name: bits(table.column(f"{prefix}{name}").to_pylist()) for name in names}


@pytest.mark.parametrize("seed", range(3))
def test_every_cell_is_the_backfills(site: FeastSite, seed: int) -> None:
    """Two stream views in one call, composite keys and a filter among them; rows and other columns as they came."""
    rows = observations(300, seed).assign(note=range(300))
    table = site.feast().get_historical_features(entity_df=rows, features=[*FLOW, *LANES]).to_arrow()
    assert table.column("note").to_pylist() == list(range(300))
    assert table.column("event_timestamp").to_pylist() == rows["event_timestamp"].tolist()
    at_us = [int(at.value) // 1_000 for at in rows["event_timestamp"]]
    for name in ("flow", "lanes"):
        view = site.plan.view(name)
        assert cells(table, view.feature_names) == expected(site, name, rows.to_dict("list"), at_us)
    assert table.schema.field("parcels_1h").type == pa.int64()
    assert table.schema.field("kilos_1h").type == pa.float64()


def test_plain_views_and_request_features_stand_beside(site: FeastSite) -> None:
    """A file's values as of each row, within its ttl; a request feature by Feast's own machinery; no row is lost."""
    rows = observations(60, 9).assign(spare_kilos=2.5)
    rows = pd.concat([rows, rows.iloc[:10]], ignore_index=True)
    features = [*FLOW, "sizes:area_m2", "sizes:gates", "load:kilos_per_parcel"]
    frame = site.feast().get_historical_features(entity_df=rows, features=features).to_df()
    assert frame["depot_id"].tolist() == rows["depot_id"].tolist()
    measured = {0: [(0.5, 100.5, 2)], 1: [(1.0, 200.0, 3), (2.0, 250.0, 4)]}
    function = load_transforms(site.repo)["kilos_per_parcel"]
    n_there = 0
    for row in frame.to_dict("records"):
        day = (row["event_timestamp"] - EPOCH) / timedelta(days=1)
        seen = [size for size in measured.get(row["depot_id"], []) if size[0] <= day <= size[0] + 1]
        area, gates = seen[-1][1:] if seen else (None, None)
        assert [None if pd.isna(row[name]) else row[name] for name in ("area_m2", "gates")] == [area, gates]
        kilos, parcels, load = (
            None if pd.isna(row[name]) else row[name] for name in ("kilos_1h", "parcels_1h", "kilos_per_parcel")
        )
        assert load == function(kilos, parcels, 2.5)
        n_there += area is not None and load is not None
    assert n_there


def test_full_names_and_a_feature_service(site: FeastSite) -> None:
    """Names carry their view; a service asks for what its request features need."""
    rows = observations(20, 3).assign(spare_kilos=1.0)
    client = site.feast()
    table = client.get_historical_features(
        entity_df=rows, features=client.get_feature_service("overflow"), full_feature_names=True
    ).to_arrow()
    at_us = [int(at.value) // 1_000 for at in rows["event_timestamp"]]
    names = site.plan.view("flow").feature_names
    assert cells(table, names, "flow__") == expected(site, "flow", rows.to_dict("list"), at_us)
    assert "load__kilos_per_parcel" in table.column_names


def test_a_view_stands_twice_under_other_names_and_keys(site: FeastSite) -> None:
    """As Feast has it: with_name, with_join_key_map; each has the features of its own entity."""
    from feast import FeatureService

    client, rows = site.feast(), observations(40, 11)
    view, sizes = client.get_stream_feature_view("flow"), client.get_feature_view("sizes")
    route = FeatureService(
        name="route",
        features=[
            view.with_name("origin").with_join_key_map({"depot_id": "origin_id"}),
            view.with_name("target").with_join_key_map({"depot_id": "target_id"}),
            sizes.with_name("yard").with_join_key_map({"depot_id": "target_id"}),
        ],
    )
    client.registry.apply_feature_service(route, client.project)
    frame = rows.rename(columns={"depot_id": "origin_id"}).assign(target_id=rows["depot_id"].tolist()[::-1])
    table = client.get_historical_features(entity_df=frame, features=route, full_feature_names=True).to_arrow()
    at_us = [int(at.value) // 1_000 for at in rows["event_timestamp"]]
    names = site.plan.view("flow").feature_names
    for prefix, column in (("origin", "origin_id"), ("target", "target_id")):
        want = expected(site, "flow", {"depot_id": frame[column].tolist()}, at_us)
        assert cells(table, names, f"{prefix}__") == want
    assert set(table.column("yard__gates").to_pylist()) >= {None, 2}


def test_instants_are_instants_in_any_zone_and_unit(site: FeastSite) -> None:
    """Naive ones are in UTC; nanoseconds after an event see it; text and other zones name the same instants."""
    client = site.feast()
    source = site.plan.source("parcels")
    event = site.lake.read(source).slice(5, 1).to_pylist()[0]
    at = pd.Timestamp(event["event_us"] * 1_000)
    instants = {
        "utc": [at.tz_localize("UTC")],
        "naive": [at],
        "elsewhere": [at.tz_localize("UTC").tz_convert(timezone(timedelta(hours=-7)))],
        "text": [at.isoformat() + "Z"],
        "objects": pd.Series([at.tz_localize("UTC").to_pydatetime()], dtype=object),
    }
    answers = {
        name: client.get_historical_features(
            entity_df=pd.DataFrame({"depot_id": event["depot_id"], "event_timestamp": column}), features=FLOW
        )
        .to_df()
        .loc[0, "last_seen"]
        for name, column in instants.items()
    }
    assert len(set(map(repr, answers.values()))) == 1
    after = pd.DataFrame({"depot_id": [event["depot_id"]] * 2, "event_timestamp": [at, at + pd.Timedelta(1, "ns")]})
    before_s, after_s = client.get_historical_features(entity_df=after, features=FLOW).to_df()["last_seen"]
    assert after_s == 1e-06 != before_s


def test_rows_without_a_key_are_kept_and_empty(site: FeastSite) -> None:
    """NaN and None name nobody; whole numbers that pandas made floats for their sake are whole numbers."""
    at = EPOCH + timedelta(days=2)
    rows = pd.DataFrame({"depot_id": [1, None, 2], "label": ["l1", "l1", None], "event_timestamp": [at] * 3})
    features = [*FLOW, *LANES, "sizes:gates"]
    table = site.feast().get_historical_features(entity_df=rows, features=features).to_arrow()
    assert [value is None for value in table.column("last_seen").to_pylist()] == [False, True, False]
    assert [value is None for value in table.column("heavy_ever").to_pylist()] == [False, True, True]
    assert table.column("gates").to_pylist() == [4, None, None]
    none = rows.iloc[:0].astype({"depot_id": "int64", "event_timestamp": "datetime64[ns, UTC]"})
    assert site.feast().get_historical_features(entity_df=none, features=features).to_arrow().num_rows == 0


def test_a_query_over_the_lake_names_rows(site: FeastSite) -> None:
    """In DuckDB's SQL, a view a topic: the same as the frame of its result."""
    query = "SELECT DISTINCT depot_id, seen_at + INTERVAL 1 HOUR AS event_timestamp FROM parcels ORDER BY ALL LIMIT 50"
    client = site.feast()
    table = client.get_historical_features(entity_df=query, features=FLOW).to_arrow()
    rows = table.select(["depot_id", "event_timestamp"]).to_pandas()
    assert len(rows) == 50
    assert client.get_historical_features(entity_df=rows, features=FLOW).to_arrow().equals(table)


def test_what_was_known_then_counts_arrivals(site: FeastSite) -> None:
    """Feast's question for what was known: all events came at the end of the span, so nobody was known before it."""
    at = [EPOCH_US // 1_000_000 + days * 86_400 for days in (2, 4)]
    rows = pd.DataFrame({"depot_id": [1, 1], "event_timestamp": pd.to_datetime(at, unit="s", utc=True)})
    job = site.feast().get_historical_features(entity_df=rows, features=FLOW[2:], filter_by_created_timestamp=True)
    assert [value is None for value in job.to_arrow().column("last_seen").to_pylist()] == [True, False]


def test_columns_of_any_objects_are_handed_through(site: FeastSite) -> None:
    """As they came, beside the features and those that are computed on demand; only Arrow has no type for some."""
    rows = observations(4, 5, strangers=False).assign(note=[{1, 2}, "text", 3, None])
    job = site.feast().get_historical_features(entity_df=rows, features=FLOW)
    found = job.to_df()
    pd.testing.assert_series_equal(found["note"], rows["note"])
    plain = site.feast().get_historical_features(entity_df=rows.drop(columns="note"), features=FLOW).to_df()
    pd.testing.assert_frame_equal(found.drop(columns="note"), plain)
    with pytest.raises(RequestError, match="note: holds objects that have no Arrow type"):
        job.to_arrow()


def test_a_view_reads_no_raw_records(site: FeastSite) -> None:
    """Of the lake's columns those that views of the topic need."""
    columns = set(Site(site.feast().config).events("parcels").column_names)
    assert {"depot_id", "kilos", "event_us"} <= columns
    assert not {"value", "crc"} & columns


def test_a_saved_dataset_is_what_was_retrieved(site: FeastSite, tmp_path: Path) -> None:
    """Feast persists a retrieval as Parquet and reads it back by this store."""
    from feast.infra.offline_stores.file_source import SavedDatasetFileStorage

    client = site.feast()
    job = client.get_historical_features(entity_df=observations(30, 4), features=[*FLOW, *LANES])
    storage = SavedDatasetFileStorage(path=str(tmp_path / "saved.parquet"))
    saved = client.create_saved_dataset(from_=job, name="march", storage=storage)
    order = ["event_timestamp", "depot_id", "label"]
    kept = saved.to_df().sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(kept[sorted(kept)], job.to_df().sort_values(order, ignore_index=True)[sorted(kept)])


@pytest.mark.parametrize(
    ("rows", "features", "problem"),
    [
        ({"event_timestamp": [EPOCH]}, FLOW, "has no column 'depot_id'"),
        ({"event_timestamp": [EPOCH]}, ["sizes:gates"], "has no column 'depot_id'"),
        ({"depot_id": ["one"], "event_timestamp": [EPOCH]}, FLOW, "depot_id: holds values that are no int64"),
        ({"depot_id": [1.5], "event_timestamp": [EPOCH]}, FLOW, "depot_id: holds values that are no int64"),
        ({"depot_id": [1], "label": [1], "event_timestamp": [EPOCH]}, LANES, "label: holds values that are no string"),
        ({"depot_id": [1], "event_timestamp": ["soon"]}, FLOW, "event_timestamp: holds what is no instant"),
        ({"depot_id": [1], "event_timestamp": [1_709_251_200]}, FLOW, "event_timestamp: holds numbers"),
        ({"depot_id": [1], "event_timestamp": [pd.NaT]}, FLOW, "event_timestamp: is missing in 1 rows"),
        ({"depot_id": [1], "event_timestamp": [EPOCH], "last_seen": [1]}, FLOW, "'last_seen' is the name of another"),
        ({"depot_id": [2**70], "event_timestamp": [EPOCH]}, FLOW, "depot_id: holds values that are no int64"),
        (None, FLOW, "entity_df: is NoneType"),
        ("SELECT depot FROM parcels", FLOW, "entity_df: is a query that does not run"),
    ],
)
def test_rows_that_name_nothing_are_refused(site: FeastSite, rows: Any, features: list[str], problem: str) -> None:
    """What, where and what to do; before anything is computed."""
    entity_df = pd.DataFrame(rows) if isinstance(rows, dict) else rows
    with pytest.raises(RequestError, match=problem):
        site.feast().get_historical_features(entity_df=entity_df, features=features).to_df()


def test_a_stream_views_history_is_not_written_by_hand(site: FeastSite) -> None:
    """Its history is its topic."""
    client = site.feast()
    view = client.get_stream_feature_view("flow")
    with pytest.raises(RequestError, match="send events to the topic"):
        client._get_provider().offline_write_batch(client.config, view, pa.table({}), None)


def test_a_registry_that_is_behind_the_plan_is_refused(fresh: FeastSite) -> None:
    """The client names which side is old, and works again once both were applied."""
    client = fresh.feast()
    rows = pd.DataFrame(ANY)
    client.get_historical_features(entity_df=rows, features=FLOW)
    registry = (fresh.repo / "registry.db").read_bytes()
    fresh.domain.replace("definitions.py", "slide_interval=timedelta(minutes=1)", "slide_interval=timedelta(minutes=2)")
    fresh.apply()
    newer = (fresh.repo / "registry.db").read_bytes()
    (fresh.repo / "registry.db").write_bytes(registry)
    with pytest.raises(PlanMismatchError, match="the older side is Feast's registry"):
        fresh.feast().get_historical_features(entity_df=rows, features=FLOW)
    (fresh.repo / "registry.db").write_bytes(newer)
    fresh.feast().get_historical_features(entity_df=rows, features=FLOW)


def test_rows_that_look_back_on_dropped_records_are_refused(fresh: FeastSite) -> None:
    """Retention took what they would count; a feature since ever counts everything, so no row is late enough."""
    fresh.lake.expire("parcels", EPOCH_US + 10 * SPAN_US)
    at = [EPOCH + timedelta(days=days) for days in (1, 40)]
    rows = pd.DataFrame({"depot_id": [1, 1], "event_timestamp": at})
    with pytest.raises(RequestError, match="view flow: looks back on dropped records in 2 rows"):
        fresh.feast().get_historical_features(entity_df=rows, features=FLOW).to_df()


def test_missing_plan_and_lake_are_named(fresh: FeastSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than features of nobody."""
    client, rows = fresh.feast(), pd.DataFrame(ANY)
    monkeypatch.setenv("MILLSTREAM_LAKE__URL", str(fresh.state_dir / "elsewhere"))
    with pytest.raises(DomainError, match=r"elsewhere: holds no record of topic parcels"):
        client.get_historical_features(entity_df=rows, features=FLOW).to_df()
    monkeypatch.setenv("MILLSTREAM_VAR", str(fresh.state_dir / "nowhere"))
    with pytest.raises(DomainError, match=r"nowhere.*there is no compiled plan; run `millstream apply`, or say"):
        client.get_historical_features(entity_df=rows, features=FLOW)
