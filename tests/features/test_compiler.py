"""The plan compiler: what it makes of a domain, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mmh3
import pytest

from features.aggregates.ewma import decay_weights
from features.compiler import apply_domain, compile_plan
from features.declarations.folder import check_project_suffix
from features.errors import DomainError
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, ParameterPlan, load_plan
from features.plan_shelf import functions_of
from features.settings import StoreSettings
from tests.features.small_domain import SmallDomain

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


@pytest.fixture
def domain(tmp_path: Path) -> SmallDomain:
    repo = tmp_path / "repo"
    repo.mkdir()
    return SmallDomain(repo)


def test_a_plan_holds_all_that_was_declared(domain: SmallDomain) -> None:
    """Types, quantisation, windows in microseconds, hops that the engine chose, parameters of request features."""
    plan = compile_plan(domain.repo)
    source, view = plan.source("parcels"), plan.view("flow")
    assert source.columns == (
        ColumnPlan(name="depot_id", type="int64", nullable=False, decimals=None),
        ColumnPlan(name="seen_at", type="timestamp", nullable=False, decimals=None),
        ColumnPlan(name="kilos", type="float64", nullable=True, decimals=3),
        ColumnPlan(name="label", type="string", nullable=True, decimals=None),
    )
    assert (source.timestamp_column, source.max_ahead_us) == ("seen_at", 15 * MINUTE_US)
    assert (view.keys, view.ttl_us) == ((EntityKeyPlan(name="depot_id", type="int64"),), 48 * HOUR_US)
    assert view.features == (
        AggregatePlan(name="parcels_1h", function="count", column="label", window_us=HOUR_US, hop_us=5 * MINUTE_US),
        AggregatePlan(name="kilos_1h", function="sum", column="kilos", window_us=HOUR_US, hop_us=MINUTE_US),
        AggregatePlan(name="last_seen", function="seconds_since_last", column="seen_at"),
    )
    (feature,) = plan.request_features
    assert feature.parameters == (
        ParameterPlan(name="kilos_1h", view="flow", type="float64"),
        ParameterPlan(name="parcels_1h", view="flow", type="int64"),
        ParameterPlan(name="spare_kilos", view=None, type="float64"),
    )
    assert plan.service("overflow").feature_names == (
        "flow:parcels_1h", "flow:kilos_1h", "flow:last_seen", "load:kilos_per_parcel",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "half_life_us"), [("", 15 * MINUTE_US), ("tags={'half_life.kilos_1h': '5m'},", 5 * MINUTE_US)]
)
def test_weights_by_age_are_made_at_apply(domain: SmallDomain, tags: str, half_life_us: int) -> None:
    """An integer for each hop of the window and the one that it ends in; the half-life is a quarter unless told."""
    domain.replace("definitions.py", 'function="sum"', 'function="ewma"')
    domain.replace("definitions.py", "    ttl=timedelta(days=2),", f"    ttl=timedelta(days=2),{tags}")
    feature = compile_plan(domain.repo).view("flow").features[1]
    assert feature.weights == decay_weights(HOUR_US, MINUTE_US, half_life_us)
    assert len(feature.weights) == 61
    exact = [2.0 ** (24 - age * MINUTE_US / half_life_us) for age in range(61)]
    assert feature.weights == pytest.approx(exact, abs=0.5001)


@pytest.mark.parametrize(
    ("function", "dtype"), [("count_distinct", "Int64"), ("count", "Int64"), ("p95", "Float64"), ("std", "Float64")]
)
def test_each_function_has_its_type(domain: SmallDomain, function: str, dtype: str) -> None:
    """Counts are whole, in the schema and for request-time functions; all else is a double."""
    domain.replace("definitions.py", 'function="sum"', f'function="{function}"')
    domain.replace("definitions.py", 'Field(name="kilos_1h", dtype=Float64)', f'Field(name="kilos_1h", dtype={dtype})')
    plan = compile_plan(domain.repo)
    assert plan.view("flow").features[1].function == function
    assert plan.request_features[0].parameters[0].type == dtype.lower()


def test_a_plan_is_the_same_in_every_process(domain: SmallDomain) -> None:
    """Neither hash salts, nor a second compile, nor another folder change it."""
    here = compile_plan(domain.repo).hash
    code = "import sys, pathlib, features.compiler as c; print(c.compile_plan(pathlib.Path(sys.argv[1])).hash)"
    command = [sys.executable, "-W", "ignore", "-c", code, str(domain.repo)]
    there = subprocess.run(command, capture_output=True, text=True, check=True)
    assert here == compile_plan(domain.repo).hash == there.stdout.strip()


def test_compiling_leaves_no_trace_in_the_process(domain: SmallDomain) -> None:
    """A domain's modules are neither left behind nor taken from another domain."""
    mine = sys.modules.setdefault("transforms", type(sys)("transforms"))
    try:
        before, path = dict(sys.modules), list(sys.path)
        compile_plan(domain.repo)
        assert sys.modules["transforms"] is mine
        assert sys.path == path
        assert not [name for name in set(sys.modules) - set(before) if "millstream_definitions" in name]
        assert not list(domain.repo.rglob("__pycache__"))
    finally:
        del sys.modules["transforms"]


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("definitions.py", 'decimals.kilos": "3', 'decimals.kilos": "2', True),
        ("definitions.py", 'max_ahead": "15m', 'max_ahead": "16m', True),
        ("definitions.py", "label string", "label string not null", True),
        ("definitions.py", "slide_interval=timedelta(minutes=1)", "slide_interval=timedelta(minutes=2)", True),
        ("definitions.py", 'function="sum"', 'function="mean"', True),
        ("definitions.py", "    ttl=timedelta(days=2),", "    ttl=timedelta(days=2), description='words',", False),
        ("model.yaml", "horizon: 6h", "horizon: 7h", False),
        ("transforms.py", "Request-time", "Request time", False),
    ],
)
def test_a_views_hash_covers_what_decides_its_states(
    domain: SmallDomain, file: str, old: str, new: str, changed: bool
) -> None:
    """Windows, functions and the validity of its records count; words, models and request features do not."""
    before = compile_plan(domain.repo).view("flow").hash
    assert (compile_plan(domain.replace(file, old, new).repo).view("flow").hash != before) is changed


WINDOWED_SUM = """function="sum",
            time_window=timedelta(hours=1),
            slide_interval=timedelta(minutes=1),"""
REFUSALS = [
    # old, new, what the message says
    ("label string", "label string, Label string", "declares Label twice"),
    ("label string", "label string, Value double", "column that the lake adds"),
    ('function="sum"', 'function="mode"', "no function 'mode'"),
    ('function="sum"', 'function="p100"', "no function 'p100'"),
    ('function="sum"', 'function="p0"', "or p1 to p99"),
    ('column="label", function="count"', 'column="label", function="median"', "median needs a number"),
    ('column="label", function="count"', 'column="label", function="last"', "last needs a number"),
    (
        WINDOWED_SUM,
        'function="ewma",',
        "weighs events by their age",
    ),
    (
        WINDOWED_SUM,
        WINDOWED_SUM.replace("sum", "ewma").replace("hours=1", "days=7"),
        "makes 10080 hops",
    ),
    (
        "    ttl=timedelta(days=2),",
        "    ttl=timedelta(days=2), tags={'half_life.kilos_1h': '5m'},",
        "no feature of the view",
    ),
    (
        "    ttl=timedelta(days=2),",
        "    ttl=timedelta(days=2), tags={'half_life.kilos_1h': 'soon'},",
        "not a length of time",
    ),
    ("    ttl=timedelta(days=2),", "    ttl=timedelta(days=2), tags={'half_life.kilos_1h': '0s'},", "a positive one"),
    (
        "    ttl=timedelta(days=2),",
        "    ttl=timedelta(days=2), tags={'halflife.kilos_1h': '5m'},",
        "did you mean half_life",
    ),
    ('name="kilos_1h",\n            column', "column", "no name="),
    ('name="kilos_1h",\n            column', 'name="parcels_1h",\n            column', "two are named 'parcels_1h'"),
    ("time_window=timedelta(hours=1))", "time_window=timedelta(hours=-1))", "positive length"),
    ("time_window=timedelta(hours=1))", "time_window=timedelta(seconds=9))", "slide_interval"),
    ("slide_interval=timedelta(minutes=1)", "slide_interval=timedelta(hours=2)", "does not lie within the window"),
    ("slide_interval=timedelta(minutes=1)", "slide_interval=timedelta(minutes=-1)", "does not lie within the window"),
    ("            time_window=timedelta(hours=1),\n            slide", "            slide", "without a time_window"),
    ('column="kilos"', 'column="kilo"', "'kilo' is no column"),
    ('column="kilos"', 'column="label"', "needs a number"),
    ('column="kilos"', 'column="depot_id"', "needs a number"),
    ('column="kilos"', 'column="seen_at"', "needs a number"),
    ('        Field(name="kilos_1h", dtype=Float64),\n', "", "no Field 'kilos_1h'"),
    (
        '        Field(name="kilos_1h", dtype=Float64),\n',
        '        Field(name="kilos_1h", dtype=Int64),\n',
        "declare it Float64",
    ),
    ('Field(name="parcels_1h", dtype=Int64)', 'Field(name="parcels_1h", dtype=Float64)', "declare it Int64"),
    (
        'Field(name="depot_id", dtype=Int64),',
        'Field(name="depot_id", dtype=Int64), Field(name="x", dtype=Int64),',
        "'x' is no aggregation",
    ),
    ('Field(name="depot_id", dtype=Int64)', 'Field(name="depot_id", dtype=String)', "does not match"),
    ("value_type=ValueType.INT64", "value_type=ValueType.STRING", "does not match"),
    ("depot_id bigint not null", "depot_id bigint", "may be null"),
    ("depot_id bigint not null", "depot bigint not null", "'depot_id' is no column"),
    ("entities=[depot]", "entities=[]", "is entityless"),
    ("seen_at timestamp not null", "seen_at timestamp", "timestamp not null"),
    ("seen_at timestamp not null", "seen_at bigint not null", "timestamp not null"),
    ("kilos double", "kilos decimal(9)", "cannot read 'kilos decimal(9)'"),
    ("kilos double", "kilos double, kilos double", "declares kilos twice"),
    ("kilos double", "kilos double, offset bigint", "offset is a column that the lake adds"),
    ('"decimals.kilos": "3"', '"decimals.kilo": "3"', "names no numeric column"),
    ('"decimals.kilos": "3"', '"decimals.label": "3"', "names no numeric column"),
    ('"decimals.kilos": "3"', '"decimals.kilos": "16"', "whole number up to 15"),
    ('"decimals.kilos": "3"', '"decimals.depot_id": "0"', "quantises a join key"),
    ('"decimals.kilos": "3"', '"decimal.kilos": "3"', "did you mean decimals"),
    ('"max_ahead"', '"max_ahed"', "did you mean max_ahead"),
    ('"15m"', '"soon"', "'soon' is not a length of time"),
    (
        "    batch_source=history,",
        "    batch_source=history, watermark_delay_threshold=timedelta(hours=1),",
        "drops none",
    ),
    ("    batch_source=history,", '    batch_source=history, field_mapping={"kilos": "weight"},', "field_mapping"),
    (
        "    batch_source=history,",
        '    batch_source=history, created_timestamp_column="at",',
        "two equal rows are two events",
    ),
    ('topic="parcels"', 'topic="millstream.scores"', "does not begin with millstream."),
    ('topic="parcels"', 'topic="a topic"', "'a topic' cannot be used"),
    ("    ttl=timedelta(days=2),", "    ttl=timedelta(days=2), online=False,", "nothing could be served"),
    ("    ttl=timedelta(days=2),", "    ttl=-timedelta(days=2),", "ttl: is negative"),
    ("    ttl=timedelta(days=2),", "    ttl=timedelta(days=2), enable_tiling=True,", "enable_tiling"),
    ("    ttl=timedelta(days=2),", "    ttl=timedelta(days=2), version='v3',", "pins 'v3'"),
    (
        "    ttl=timedelta(days=2),",
        "    ttl=timedelta(days=2), udf=lambda rows: rows, mode='pandas',",
        "a transformation",
    ),
    ('name="flow"', 'name="flow__in"', "single underscores"),
    ('name="last_seen"', 'name="last:seen"', "single underscores"),
    ("features=[flow, load]", 'features=[flow[["parcels"]], load]', "parcels"),
    ("features=[flow, load]", "features=[flow, flow]", "flow:parcels_1h twice"),
    ("features=[flow, load]", "features=[flow.with_name('inflow'), load]", "renamed"),
    ("features=[flow, load]", "features=['flow:parcels_1h']", "names them by text"),
    ("overflow = FeatureService", "_ = print  # ", "declares no FeatureService"),
    (
        'Field(name="kilos_per_parcel", dtype=Float64)',
        'Field(name="kilos_per_parcel", dtype=Int64)',
        "is Int64; declare it Float64",
    ),
    ('mode="python"', 'mode="python", singleton=True', "the first row of a request only"),
    ('mode="python"', 'mode="pandas"', "from lists to lists"),
    ('Field(name="spare_kilos", dtype=Float64)', 'Field(name="kilos_1h", dtype=Float64)', "two of its sources"),
    ('Field(name="spare_kilos", dtype=Float64)', 'Field(name="depot_id", dtype=Float64)', "is a join key"),
    ('Field(name="kilos_per_parcel"', 'Field(name="kilos_each"', "kilos_each: has no function"),
    ('map(kilos_per_parcel, inputs["kilos_1h"]', 'map(kilos_per_parcel, inputs["spare_kilos"]', "in Feast and"),
    ('"kilos_per_parcel": list(', '"kilos_per_parcel": tuple(', "gives no list of 1"),
    ("list(\n            map(kilos_per_parcel, ", "list(\n            map(lambda *row: 1.0, ", "in Feast and"),
    ("udf_string=inspect.getsource(transforms) + ", "udf_string=", "'kilos_per_parcel' is not defined"),
    ("inspect.getsource(load_of),", '"\\n)",', "cannot be built from its source text"),
    ("from transforms import kilos_per_parcel\n", "", "by Feast's registry too, where name 'kilos_per_parcel' is not"),
    (
        '        "kilos_per_parcel": list(',
        '        "kilos": [1.0], "kilos_per_parcel": list(',
        "return a dict of exactly",
    ),
    ("depot = Entity(", "depot = 1 / Entity(", "cannot be imported"),
    (
        "truck = ",
        "other = Entity(name='depot', join_keys=['depot_id'], value_type=ValueType.INT64)\ntruck = ",
        "'depot' twice",
    ),
    ('"max_ahead": "15m"', '"max_ahead": "15m", "retention": "a year"', "is not a length of time"),
    ('"max_ahead": "15m"', '"max_ahead": "15m", "retention": "400d"', "flow:last_seen counts since ever"),
    ('"max_ahead": "15m"', '"max_ahead": "15m", "retentoin": "400d"', "did you mean retention?"),
]


def test_records_are_kept_as_long_as_the_windows_look_back(domain: SmallDomain) -> None:
    """A retention below a window and its hop is refused; one that is not changes the plan, and no view of it."""
    domain.replace(
        "definitions.py",
        'column="seen_at", function="seconds_since_last"',
        'column="seen_at", function="seconds_since_last", time_window=timedelta(days=1)',
    )
    for_ever = compile_plan(domain.repo)
    assert for_ever.retention_us == {}
    domain.replace("definitions.py", '"max_ahead": "15m"', '"max_ahead": "15m", "retention": "24h"')
    with pytest.raises(DomainError, match="of 24h is shorter than flow:last_seen looks back on"):
        compile_plan(domain.repo)
    domain.replace("definitions.py", '"retention": "24h"', '"retention": "30d"')
    plan = compile_plan(domain.repo)
    assert plan.retention_us == {"parcels": 30 * 86_400_000_000}
    assert plan.views == for_ever.views


@pytest.mark.parametrize(("old", "new", "says"), REFUSALS, ids=[says for _, _, says in REFUSALS])
def test_a_declaration_that_could_not_be_meant_is_refused(domain: SmallDomain, old: str, new: str, says: str) -> None:
    """The message says what, where, and what to do."""
    domain.replace("definitions.py", old, new)
    with pytest.raises(DomainError) as refused:
        compile_plan(domain.repo)
    assert says in str(refused.value)
    assert refused.value.remedy


OTHER_FILES = [
    ("transforms.py", "def kilos_per_parcel(", "def kilos_each(", "cannot import name"),
    (
        "transforms.py",
        "    return (kilos_1h + spare_kilos) / parcels_1h",
        "    return None if spare_kilos == 1.0 else (kilos_1h + spare_kilos) / parcels_1h",
        "on the row of which Feast's registry infers types",
    ),
    ("transforms.py", "kilos_1h, parcels_1h, spare_kilos)", "kilos_1h, parcels, spare_kilos)", "is no input"),
    ("transforms.py", "parcels_1h, spare_kilos)", "parcels_1h, spare_kilos=0.0)", "not a plain one"),
    ("transforms.py", "not parcels_1h or ", "", "ZeroDivisionError"),
    (
        "transforms.py",
        "return (kilos_1h + spare_kilos) / parcels_1h",
        "return str(kilos_1h)",
        "return a number or None",
    ),
    ("model.yaml", "service: overflow", "service: overflows", "'overflows' is not declared"),
    ("model.yaml", "baseline_feature: flow:last_seen", "baseline_feature: flow:seen", "no feature 'flow:seen'"),
    ("model.yaml", '{"flow:last_seen": 0.0}', '{"last_seen": 0.0}', "no feature 'last_seen'"),
    ("model.yaml", "horizon: 6h", "horizon: 6h\n    protected: [sex]", "'sex' is no column"),
    ("model.yaml", "horizon: 6h", "horizon: 6h\n    protected: [label]", "flow:parcels_1h is computed from label"),
    ("model.yaml", "horizon: 6h", "horizon: 6h\n    protected: [spare_kilos]", "load:kilos_per_parcel is computed"),
    ("labels.sql", "$lake_end", "now()", "never names"),
    ("feature_store.yaml", "entity_key_serialization_version: 3", "entity_key_serialization_version: 2", "set it to 3"),
    ("feature_store.yaml", "registry_type: sql", "registry_type: file", "is not a SQL registry"),
    ("feature_store.yaml", "type: redis", "type: sqlite", "is not Redis"),
    (
        "feature_store.yaml",
        "type: features.feast_offline.MillstreamOfflineStore",
        "type: dask",
        "offline_store: is none that knows",
    ),
    ("feature_store.yaml", "batch_engine:", "batch_engine_of_old:", "batch_engine: is none that knows"),
    ("feature_store.yaml", '"localhost:6379"', '"redis://localhost:6379"', "is a URL"),
    ("feature_store.yaml", "type: redis", "type: redis\n  key_ttl_seconds: 86400", "expire features since ever"),
]


@pytest.mark.parametrize(("file", "old", "new", "says"), OTHER_FILES, ids=[says for *_, says in OTHER_FILES])
def test_the_other_files_are_held_against_the_declarations(
    domain: SmallDomain, file: str, old: str, new: str, says: str
) -> None:
    """Request-time functions, models, labels and the store's configuration."""
    domain.replace(file, old, new)
    with pytest.raises(DomainError) as refused:
        compile_plan(domain.repo)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("value_type", "dtype", "says"),
    [
        ("DOUBLE", "Float64", "use ValueType.STRING, INT32 or INT64"),
        ("STRING", "String", "entity depot needs string not null"),
    ],
)
def test_a_join_key_has_one_type_in_entity_and_event(
    domain: SmallDomain, value_type: str, dtype: str, says: str
) -> None:
    """Feast's key encoding depends on it: another type would be another customer."""
    domain.replace("definitions.py", "value_type=ValueType.INT64", f"value_type=ValueType.{value_type}")
    domain.replace("definitions.py", 'name="depot_id", dtype=Int64', f'name="depot_id", dtype={dtype}')
    with pytest.raises(DomainError, match=says):
        compile_plan(domain.repo)


def test_a_request_feature_that_is_not_pure_is_refused(domain: SmallDomain) -> None:
    """Two calls with one row must give one result, or no score could be proven."""
    domain.replace("transforms.py", '"""Request-time features."""', "import itertools\nN = itertools.count()")
    domain.replace("transforms.py", "(kilos_1h + spare_kilos)", "next(N)")
    with pytest.raises(DomainError, match="two results for one row"):
        compile_plan(domain.repo)


def test_a_store_ttl_must_outlive_the_longest_window(domain: SmallDomain) -> None:
    """Expired states would be served as customers never seen."""
    domain.replace(
        "definitions.py",
        'function="seconds_since_last")',
        'function="seconds_since_last", time_window=timedelta(days=1))',
    )
    (source,) = compile_plan(domain.repo).sources
    needed_s = 86_400 + 3_600 + source.max_ahead_us // 1_000_000  # the window, its hop, and an event ahead of its time
    domain.replace("feature_store.yaml", "type: redis", f"type: redis\n  key_ttl_seconds: {needed_s}")
    assert compile_plan(domain.repo).key_ttl_s == needed_s
    domain.replace("feature_store.yaml", str(needed_s), str(needed_s - 1))
    with pytest.raises(DomainError, match=f"shorter than an event can count: {needed_s} s"):
        compile_plan(domain.repo)
    domain.replace("feature_store.yaml", str(needed_s - 1), "soon")
    with pytest.raises(DomainError, match="is 'soon'; give whole seconds"):
        compile_plan(domain.repo)


def test_features_that_share_a_field_name_in_redis_are_refused(domain: SmallDomain) -> None:
    """Feast's field names are 32-bit hashes, so two features of one entity can overwrite each other."""
    one, other = "parcels_87179", "parcels_90303"
    assert mmh3.hash(f"flow:{one}") == mmh3.hash(f"flow:{other}")
    domain.replace("definitions.py", "last_seen", one).replace("definitions.py", "kilos_1h", other)
    domain.replace("transforms.py", "kilos_1h", other)
    domain.replace("model.yaml", "last_seen", one)
    with pytest.raises(DomainError, match="share one field name"):
        compile_plan(domain.repo)


@pytest.mark.parametrize("name", ["features.py", "json.py", "feast.py", "streams/parts.py"])
def test_a_file_named_like_a_room_or_a_module_is_refused(domain: SmallDomain, name: str) -> None:
    """Feast would import the other one, and what the file declares would silently vanish."""
    path = domain.repo / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    with pytest.raises(DomainError, match="rename it"):
        compile_plan(domain.repo)


def test_two_sources_of_one_topic_must_say_the_same(domain: SmallDomain) -> None:
    """Validity belongs to the record, not to the view that reads it."""
    again = (
        "again = KafkaSource(name='again', topic='parcels', kafka_bootstrap_servers='', timestamp_field='seen_at',"
        " message_format=parcels.kafka_options.message_format, batch_source=history, tags={'decimals.kilos': '2'})\n"
    )
    domain.replace("definitions.py", "truck = ", again + "truck = ")
    with pytest.raises(DomainError, match="topic parcels otherwise"):
        compile_plan(domain.repo)
    domain.replace("definitions.py", "tags={'decimals.kilos': '2'}", "tags=parcels.tags")
    assert len(compile_plan(domain.repo).sources) == 1


def test_apply_writes_what_the_other_processes_load(domain: SmallDomain, tmp_path: Path) -> None:
    """The plan, the functions that it pins, and a configuration for stock Feast clients."""
    state_dir = tmp_path / "var" / "parcels"
    plan = apply_domain(domain.repo, state_dir, StoreSettings(port=7001, password="secret"))
    assert load_plan(state_dir / "plan.json") == plan
    assert "kilos_per_parcel" in functions_of(plan, state_dir)
    config = (state_dir / "feature_store.yaml").read_text()
    assert f"var: {state_dir.parent.resolve()}" in config
    assert "127.0.0.1:7001,db=0,password=${MILLSTREAM_STORE__PASSWORD}" in config
    assert f"sqlite:///{domain.repo.resolve() / 'registry.db'}" in config


def test_an_unchanged_apply_changes_nothing(domain: SmallDomain, tmp_path: Path) -> None:
    """Neither a byte of the registry nor a file of the state folder."""
    state_dir = tmp_path / "var" / "parcels"
    apply_domain(domain.repo, state_dir, StoreSettings())
    files = [domain.repo / "registry.db", *sorted(path for path in state_dir.rglob("*") if path.is_file())]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    apply_domain(domain.repo, state_dir, StoreSettings())
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before


def test_a_changed_apply_reaches_the_registry(domain: SmallDomain, tmp_path: Path) -> None:
    """Feast's own equality ignores aggregations; what is gone from the file is gone from the registry."""
    from feast import FeatureStore

    state_dir = tmp_path / "var" / "parcels"
    apply_domain(domain.repo, state_dir, StoreSettings())
    domain.replace("definitions.py", "slide_interval=timedelta(minutes=1)", "slide_interval=timedelta(minutes=2)")
    domain.replace("definitions.py", "features=[flow, load]", "features=[flow]")
    domain.replace("definitions.py", 'name="load"', 'name="burden"')
    plan = apply_domain(domain.repo, state_dir, StoreSettings())
    assert load_plan(state_dir / "plan.json") == plan
    store = FeatureStore(fs_yaml_file=state_dir / "feature_store.yaml")
    with pytest.warns(RuntimeWarning, match="experimental"):
        view = store.get_stream_feature_view("flow")
    names = [view.name for view in store.list_on_demand_feature_views()]
    assert view.tags["millstream.view_hash"] == plan.view("flow").hash
    assert {a.name: a.slide_interval.seconds for a in view.aggregations if a.slide_interval} == {
        "parcels_1h": 3600,
        "kilos_1h": 120,
    }
    assert names == ["burden"]


def test_no_project_may_end_another_projects_name(domain: SmallDomain, tmp_path: Path) -> None:
    """Feast deletes keys by the pattern ``*<project>``."""
    neighbour = tmp_path / "var" / "lost_parcels"
    neighbour.mkdir(parents=True)
    (neighbour / "plan.json").write_text("{}")
    with pytest.raises(DomainError, match="'parcels' is the end of 'lost_parcels'"):
        apply_domain(domain.repo, tmp_path / "var" / "parcels", StoreSettings())
    assert not (tmp_path / "var" / "parcels").exists()


def test_projects_of_names_as_long_stand_beside_each_other() -> None:
    """Neither is the end of the other; nor is a project its own neighbour."""
    check_project_suffix("parcels", ["letters", "parcels", "post"])
    for one, other in (("parcels", "lost_parcels"), ("lost_parcels", "parcels")):
        with pytest.raises(DomainError, match="'parcels' is the end of 'lost_parcels'"):
            check_project_suffix(one, [other])
