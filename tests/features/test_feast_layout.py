"""Feast's byte layout: golden bytes, and stock Feast in both directions over a real server."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from deploy.servers import ValkeyServer
from features.errors import RequestError, StateCorruptError
from features.feast_layout import (
    FeastRow,
    KeyLayout,
    certificate_key,
    decode_timestamp,
    decode_value,
    encode_timestamp,
    encode_value,
    entity_key,
    field_name,
    progress_key,
    state_field,
    timestamp_field,
)
from features.nouns import FeatureValue, KeyValue
from features.plan import AggregatePlan, EntityKeyPlan, ViewPlan
from features.redis_store import RedisStore
from features.store import Birth, StateWrite

if TYPE_CHECKING:
    from feast import FeatureStore

# Feast 0.67 warns of its own deprecated imports, and of each experimental feature that it is asked for.
pytestmark = pytest.mark.filterwarnings("ignore")

TEXT, SMALL, LARGE = (
    EntityKeyPlan(name="name", type="string"),
    EntityKeyPlan(name="small", type="int32"),
    EntityKeyPlan(name="large", type="int64"),
)
KEYS: dict[str, tuple[EntityKeyPlan, ...]] = {
    "by_text": (TEXT,),
    "by_small": (SMALL,),
    "by_large": (LARGE,),
    "by_all": (TEXT, SMALL, LARGE),  # not in the order of their names
}
ENTITIES: list[dict[str, KeyValue]] = [
    {"name": "c7", "small": 7, "large": 7},
    {"name": "ünï cödé", "small": -(2**31), "large": -(2**63)},
    {"name": "", "small": 2**31 - 1, "large": 2**63 - 1},
]
AT_US = 1_700_000_000_123_456
ROWS: list[tuple[FeatureValue, FeatureValue]] = [(3, 0.1 + 0.2), (2**62, -0.0), (0, None)]


def test_golden_entity_keys() -> None:
    """Count, names, then values, sorted by name, with the project behind."""
    assert entity_key("shop", [TEXT], ["c7"]) == (
        b"\x01\x00\x00\x00" + b"\x02\x00\x00\x00\x04\x00\x00\x00name" + b"\x02\x00\x00\x00\x02\x00\x00\x00c7" + b"shop"
    )
    assert entity_key("shop", [SMALL], [-2]) == (
        b"\x01\x00\x00\x00" + b"\x02\x00\x00\x00\x05\x00\x00\x00small" + b"\x03\x00\x00\x00\x04\x00\x00\x00"
        b"\xfe\xff\xff\xff" + b"shop"
    )
    assert entity_key("p", [TEXT, LARGE], ["é", 258]) == (
        b"\x02\x00\x00\x00" + b"\x02\x00\x00\x00\x05\x00\x00\x00large" + b"\x02\x00\x00\x00\x04\x00\x00\x00name"
        b"\x04\x00\x00\x00\x08\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00\x00"
        + b"\x02\x00\x00\x00\x02\x00\x00\x00\xc3\xa9p"
    )


def test_golden_fields_and_keys_of_our_own() -> None:
    """Murmur3 names for features, readable names for the rest."""
    assert field_name("spend", "total_usd") == bytes.fromhex("43f5f188")
    assert timestamp_field("spend") == b"_ts:spend"
    assert state_field("spend", "b1") == b"_ms:spend:b1"
    assert certificate_key("shop") == b"_ms:shop:certificate:"
    assert progress_key("shop") == b"_ms:shop:progress:"


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, ""),
        (0, "2000"),
        (127, "207f"),
        (128, "208001"),
        (300, "20ac02"),
        (-1, "20ffffffffffffffffff01"),
        (2**63 - 1, "20ffffffffffffffff7f"),
        (0.0, "290000000000000000"),
        (-0.0, "290000000000000080"),
        (1.0, "29000000000000f03f"),
        (math.inf, "29000000000000f07f"),
    ],
)
def test_golden_values(value: FeatureValue, data: str) -> None:
    """An int is int64_val, a float double_val, null the empty message; both ways, bit for bit."""
    assert encode_value(value).hex() == data
    read = decode_value(bytes.fromhex(data))
    assert (type(read), repr(read)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("us", "data"),
    [
        (0, ""),
        (1, "10e807"),
        (1_000_000, "0801"),
        (1_500_000, "08011080cab5ee01"),
        (-1, "08ffffffffffffffffff0110988cebdc03"),
        (AT_US, "0880e2cfaa06108094ef3a"),
    ],
)
def test_golden_timestamps(us: int, data: str) -> None:
    """Seconds rounded down, the rest as nanoseconds, zeros left out."""
    assert encode_timestamp(us).hex() == data
    assert decode_timestamp(bytes.fromhex(data)) == us


# the first example imports Feast
@given(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats()))
def test_values_are_feasts_own_serialisation(value: FeatureValue) -> None:
    """Any value, against Feast's protobuf classes."""
    from feast.protos.feast.types.Value_pb2 import Value

    message = Value()
    if isinstance(value, float):
        message.double_val = value
    elif value is not None:
        message.int64_val = value
    assert encode_value(value) == message.SerializeToString()
    assert encode_value(decode_value(encode_value(value))) == encode_value(value)


# the first example imports Feast
@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_timestamps_are_protobufs_own_serialisation(us: int) -> None:
    """Years 1 to 9999."""
    from google.protobuf.timestamp_pb2 import Timestamp

    message = Timestamp()
    message.FromMicroseconds(us)
    assert encode_timestamp(us) == message.SerializeToString()
    assert decode_timestamp(encode_timestamp(us)) == us


# the first example imports Feast
@given(st.text(), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1))
def test_entity_keys_are_feasts_own_serialisation(name: str, small: int, large: int) -> None:
    """Any values, one key or all three, against the function that Feast's Redis store calls."""
    from feast.infra.online_stores.helpers import _redis_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    values: dict[str, KeyValue] = {"name": name, "small": small, "large": large}
    messages = {"name": Value(string_val=name), "small": Value(int32_val=small), "large": Value(int64_val=large)}
    for keys in KEYS.values():
        names = [key.name for key in keys]
        feast_key = EntityKey(join_keys=names, entity_values=[messages[key] for key in names])
        assert KeyLayout("shop", keys).key([values[key] for key in names]) == _redis_key("shop", feast_key, 3)


def test_other_numbers_that_feast_materializes_are_read() -> None:
    """int32, float32, bool and timestamps of views that we did not write."""
    from feast.protos.feast.types.Value_pb2 import Null, Value

    messages: dict[FeatureValue, Any] = {
        -5: Value(int32_val=-5),
        0.5: Value(float_val=0.5),
        1: Value(bool_val=True),
        1_700_000_000: Value(unix_timestamp_val=1_700_000_000),
        None: Value(null_val=Null.Value("NULL")),
    }
    for value, message in messages.items():
        assert decode_value(message.SerializeToString()) == value


@pytest.mark.parametrize("data", ["120161", "20", "20808080", "290000", "20" + "ff" * 10 + "01", "200000", "ff"])
def test_values_that_are_no_numbers_are_corrupt(data: str) -> None:
    """Strings, cut messages, and anything behind the value; never a wrong number."""
    with pytest.raises(StateCorruptError, match=data[:10]):
        decode_value(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["08", "0aff", "0880", "08011a00"])
def test_timestamps_that_are_none_are_corrupt(data: str) -> None:
    """Cut short, or with fields that a Timestamp does not have."""
    with pytest.raises(StateCorruptError):
        decode_timestamp(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("key", "value"),
    [(TEXT, 7), (TEXT, "\ud800"), (SMALL, 2**31), (SMALL, "7"), (LARGE, -(2**63) - 1), (LARGE, 1.5), (TEXT, None)],
)
def test_key_values_that_do_not_fit_are_refused(key: EntityKeyPlan, value: Any) -> None:
    """The error names the join key and its type."""
    with pytest.raises(RequestError, match=f"^{key.name}: .*{key.type}"):
        entity_key("shop", [key], [value])


def test_a_number_too_large_for_feast_is_refused() -> None:
    """It is never wrapped around."""
    with pytest.raises(OverflowError):
        encode_value(2**63)


def view(name: str) -> ViewPlan:
    """A view of two features in our plan."""
    features = tuple(
        AggregatePlan(name=feature, function=function, column="usd")
        for feature, function in (("n", "count"), ("total", "sum"))
    )
    return ViewPlan(name=name, topic="t", keys=KEYS[name], features=features, ttl_us=0, hash="00ff")


@pytest.fixture(scope="module")
def shop(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeatureStore]:
    """Stock Feast on the shared server, with the same views declared its way."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64, Int64

    folder = tmp_path_factory.mktemp("shop")
    source = FileSource(path=str(folder / "none.parquet"), timestamp_field="event_timestamp")
    pd.DataFrame({"event_timestamp": [datetime.now(UTC)]}).to_parquet(folder / "none.parquet")
    types = {"string": ValueType.STRING, "int32": ValueType.INT32, "int64": ValueType.INT64}
    entities = {
        key.name: Entity(name=key.name, join_keys=[key.name], value_type=types[key.type])
        for key in (TEXT, SMALL, LARGE)
    }
    views = [
        FeatureView(
            name=name,
            entities=[entities[key.name] for key in keys],
            schema=[Field(name="n", dtype=Int64), Field(name="total", dtype=Float64), *_join_fields(keys)],
            source=source,
            ttl=timedelta(0),
        )
        for name, keys in KEYS.items()
    ]
    config = RepoConfig(
        project=f"shop_{secrets.token_hex(4)}",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder / 'registry.db'}", "cache_ttl_seconds": 60},
        online_store={"type": "redis", "connection_string": valkey.address},
        offline_store={"type": "dask"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    store.apply([*entities.values(), *views])
    yield store
    store.teardown()


def _join_fields(keys: tuple[EntityKeyPlan, ...]) -> list[Any]:
    from feast import Field
    from feast.types import Int32, Int64, String

    types = {"string": String, "int32": Int32, "int64": Int64}
    return [Field(name=key.name, dtype=types[key.type]) for key in keys]


def values_of(keys: tuple[EntityKeyPlan, ...], entity: Mapping[str, KeyValue]) -> list[KeyValue]:
    return [entity[key.name] for key in keys]


@pytest.mark.servers
@pytest.mark.parametrize("name", KEYS)
async def test_what_we_write_stock_feast_reads(shop: FeatureStore, valkey: ValkeyServer, name: str) -> None:
    """Every key type, nulls and the last bit of a double, through `get_online_features`."""
    keys, row = KEYS[name], FeastRow(view(name))
    store = RedisStore(shop.project, valkey.settings)
    await store.connect()
    await store.write_birth(Birth(view=name, view_hash="00ff", id="b1", cut={}, serving=True))
    writes = [
        StateWrite(entity_key(shop.project, keys, values_of(keys, entity)), b"", b"state", row.fields(values, AT_US))
        for entity, values in zip(ENTITIES, ROWS, strict=True)
    ]
    assert await store.write_states(name, "b1", writes) == [None] * 3
    await store.close()

    rows = [{key.name: entity[key.name] for key in keys} for entity in ENTITIES]
    answer = shop.get_online_features(features=[f"{name}:n", f"{name}:total"], entity_rows=rows)
    read = answer.to_dict()
    assert [repr(pair) for pair in zip(read["n"], read["total"], strict=True)] == [repr(pair) for pair in ROWS]
    results = dict(zip(answer.proto.metadata.feature_names.val, answer.proto.results, strict=True))
    assert {stamp.ToMicroseconds() for stamp in results["n"].event_timestamps} == {AT_US}


@pytest.mark.servers
@pytest.mark.parametrize("name", KEYS)
async def test_what_stock_feast_writes_we_read(shop: FeatureStore, valkey: ValkeyServer, name: str) -> None:
    """The same rows through `write_to_online_store`, found at our keys and fields and decoded."""
    keys = KEYS[name]
    entities = [
        {**entity, "name": f"feast {entity['name']}", "small": i, "large": i} for i, entity in enumerate(ENTITIES)
    ]
    frame = pd.DataFrame([{key.name: entity[key.name] for key in keys} for entity in entities])
    frame["n"] = pd.array([n for n, _ in ROWS], dtype="Int64")
    frame["total"] = [total for _, total in ROWS]
    frame["event_timestamp"] = pd.to_datetime([AT_US] * 3, unit="us", utc=True)
    shop.write_to_online_store(name, frame)

    reader = RedisStore(shop.project, valkey.settings, read_only=True)
    await reader.connect()
    fields = [field_name(name, "n"), field_name(name, "total"), timestamp_field(name)]
    asked = [entity_key(shop.project, keys, values_of(keys, entity)) for entity in entities]
    found = await reader.read_fields(asked, fields)
    await reader.close()
    for (n, total, stamp), (expected_n, expected_total) in zip(found, ROWS, strict=True):
        assert stamp is not None
        assert decode_timestamp(stamp) == AT_US
        assert n is not None
        assert total is not None
        assert repr((decode_value(n), decode_value(total))) == repr((expected_n, expected_total))


@pytest.mark.servers
@pytest.mark.parametrize("name", KEYS)
async def test_what_stock_feast_tears_down_is_no_store_of_new_customers(
    shop: FeatureStore, valkey: ValkeyServer, name: str
) -> None:
    """Feast's teardown deletes a view's entities, and with them the witness of its birth."""
    joined = tuple(key.name for key in KEYS[name])
    store = RedisStore(shop.project, valkey.settings)
    await store.connect()
    birth = Birth(view=name, view_hash="00ff", id="b7", join_keys=joined, cut={}, serving=True)
    await store.write_birth(birth)
    assert birth in (await store.read_certificate()).births
    shop._get_provider().teardown_infra(shop.project, [shop.get_feature_view(name)], [])
    assert birth not in (await store.read_certificate()).births
    await store.close()


@pytest.mark.servers
@pytest.mark.parametrize("project", ["shop", "p", "certificate", "progress"])
def test_feasts_scan_for_a_project_spares_our_keys(valkey: ValkeyServer, project: str) -> None:
    """Feast deletes what ends in the project's name; certificate and progress never do."""
    client = redis.Redis(host=valkey.host, port=valkey.port)
    own = {certificate_key(project), progress_key(project), certificate_key("shop")}
    for key in own:
        client.set(key, b"x")
    client.set(b"entity" + project.encode(), b"x")
    matched = set(client.scan_iter(b"*" + project.encode()))
    assert b"entity" + project.encode() in matched
    assert not own & matched
    client.delete(*own, b"entity" + project.encode())
    client.close()
