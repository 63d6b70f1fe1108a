"""Message formats as a domain declares them: what the plan makes of Feast's AvroFormat and ProtoFormat."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.compiler import apply_domain, compile_plan
from features.declarations.message_format import compile_message_format
from features.decode import Decoder
from features.errors import DomainError
from features.formats.encoding import open_encoder
from features.plan import AvroRecords, ColumnPlan, ProtobufRecords, load_plan
from features.settings import StoreSettings
from tests.features.orders import ARRIVED_US, AT
from tests.features.small_domain import SmallDomain

JSON_FORMAT = """JsonFormat(
        schema_json="depot_id bigint not null, seen_at timestamp not null, kilos double, label string"
    )"""
AVRO_FORMAT = '''AvroFormat(
        schema_json="""{"type": "record", "name": "Parcel", "fields": [
            {"name": "depot_id", "type": "long"},
            {"name": "seen_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "kilos", "type": ["double", "null"], "default": 0.0},
            {"name": "label", "type": ["null", "string"], "default": null},
            {"name": "stamps", "type": {"type": "array", "items": "int"}, "default": []},
            {"name": "value", "type": "double", "default": 0.0},
            {"name": "fee", "type": ["null",
                {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}], "default": null}
        ]}"""
    )'''
PROTO_FORMAT = 'ProtoFormat(class_path="post.v1.Parcel")'
PROTO = """
syntax = "proto3";
package post.v1;
import "google/protobuf/timestamp.proto";
import "post/label.proto";
message Parcel {
  int64 depot_id = 1;
  google.protobuf.Timestamp seen_at = 2;
  optional double kilos = 3;
  optional string label = 4;
  repeated int32 stamps = 5;
  post.v1.Label printed = 6;
}
"""
LABEL = 'syntax = "proto3"; package post.v1; message Label { string text = 1; }'


def domain_in(folder: Path, declared: str) -> SmallDomain:
    repo = folder / "repo"
    repo.mkdir()
    small = SmallDomain(repo)
    small.replace("definitions.py", JSON_FORMAT, declared)
    small.replace("definitions.py", "import JsonFormat", "import AvroFormat, JsonFormat, ProtoFormat")
    (repo / "parcel.proto").write_text(PROTO, encoding="utf-8")
    (repo / "post").mkdir()
    (repo / "post" / "label.proto").write_text(LABEL, encoding="utf-8")
    return small


@pytest.fixture
def avro(tmp_path: Path) -> SmallDomain:
    return domain_in(tmp_path, AVRO_FORMAT)


@pytest.fixture
def protobuf(tmp_path: Path) -> SmallDomain:
    return domain_in(tmp_path, PROTO_FORMAT)


COLUMNS = (
    ColumnPlan(name="depot_id", type="int64", nullable=False, decimals=None),
    ColumnPlan(name="seen_at", type="timestamp", nullable=False, decimals=None),
    ColumnPlan(name="kilos", type="float64", nullable=True, decimals=3),
    ColumnPlan(name="label", type="string", nullable=True, decimals=None),
)


@pytest.mark.parametrize("name", ["avro", "protobuf"])
def test_a_schemas_plain_fields_are_columns(name: str, request: pytest.FixtureRequest) -> None:
    """As JSON would declare them; what is no plain value, or named like the lake's own, is passed over."""
    source = compile_plan(request.getfixturevalue(name).repo).source("parcels")
    assert source.columns == COLUMNS
    assert source.wire == "bare"
    value = open_encoder(source, lambda kind, text: 0)({"depot_id": 4, "seen_at": AT, "kilos": 1.5})
    assert Decoder(source).decode([value], [ARRIVED_US]).columns == [(4, ARRIVED_US, 1500, None)]


def test_a_plan_of_protobuf_needs_the_folder_no_more(protobuf: SmallDomain) -> None:
    """It holds the descriptors of the message's file and of what that imports, and a comment changes no view."""
    plan = compile_plan(protobuf.repo)
    source = plan.source("parcels")
    assert isinstance(source.format, ProtobufRecords)
    assert source.format.message == "post.v1.Parcel"
    (protobuf.repo / "other.proto").write_text('syntax = "proto3"; message Other { string a = 1; }')
    protobuf.replace("parcel.proto", "message Parcel {", "// Words.\nmessage Parcel {")
    assert compile_plan(protobuf.repo).view("flow").hash == plan.view("flow").hash
    protobuf.replace("parcel.proto", "optional double kilos = 3", "optional double kilos = 7")
    assert compile_plan(protobuf.repo).view("flow").hash != plan.view("flow").hash


def test_a_plan_of_avro_holds_the_schema_whatever_its_layout(avro: SmallDomain) -> None:
    """White space changes no view; a default does."""
    plan = compile_plan(avro.repo)
    assert isinstance(plan.source("parcels").format, AvroRecords)
    avro.replace("definitions.py", '{"name": "depot_id", "type": "long"},', '{"name":   "depot_id", "type": "long"},')
    assert compile_plan(avro.repo).view("flow").hash == plan.view("flow").hash
    avro.replace("definitions.py", '["double", "null"], "default": 0.0', '["double", "null"], "default": 1.0')
    assert compile_plan(avro.repo).view("flow").hash != plan.view("flow").hash


@pytest.mark.parametrize("declared", [JSON_FORMAT, AVRO_FORMAT, PROTO_FORMAT], ids=["json", "avro", "protobuf"])
def test_any_format_may_stand_behind_confluents_header(tmp_path: Path, declared: str) -> None:
    """By a tag of the source; other words are refused."""
    domain = domain_in(tmp_path, declared)
    before = compile_plan(domain.repo).view("flow").hash
    domain.replace("definitions.py", '"max_ahead": "15m"', '"max_ahead": "15m", "wire": "confluent"')
    plan = compile_plan(domain.repo)
    assert plan.source("parcels").wire == "confluent"
    assert plan.view("flow").hash != before
    with pytest.raises(DomainError, match="tag wire: is 'glue'; write confluent"):
        compile_plan(domain.replace("definitions.py", '"wire": "confluent"', '"wire": "glue"').repo)


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "message"),
    [
        ("avro", "definitions.py", '"type": "record"', '"type": "recrd"', "is no Avro schema (UnknownType"),
        ("avro", "definitions.py", '{"type": "record"', '"type": "record"', "is no Avro schema (JSONDecodeError"),
        ("avro", "definitions.py", '{"name": "label"', '{"name": "Kilos"', "declares Kilos twice"),
        ("avro", "definitions.py", '"timestamp-millis"', '"local-timestamp-millis"', "'seen_at' is no `timestamp"),
        ("avro", "definitions.py", '"depot_id", "type": "long"', '"depot_id", "type": ["null", "long"]', "may be null"),
        ("protobuf", "definitions.py", "post.v1.Parcel", "post.v1.Letter", "is no message of parcel.proto, post/label"),
        ("protobuf", "parcel.proto", "int64 depot_id", "int65 depot_id", '"int65" is not defined'),
        ("protobuf", "parcel.proto", "int64 depot_id", "optional int64 depot_id", "may be null"),
        (
            "protobuf",
            "parcel.proto",
            "google.protobuf.Timestamp seen_at",
            "int64 seen_at",
            "'seen_at' is no `timestamp",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    name: str, file: str, old: str, new: str, message: str, request: pytest.FixtureRequest
) -> None:
    """With what, where and what to do."""
    with pytest.raises(DomainError) as refusal:
        compile_plan(request.getfixturevalue(name).replace(file, old, new).repo)
    assert message in str(refusal.value)


@pytest.mark.parametrize("name", ["avro", "protobuf"])
def test_feasts_registry_keeps_what_was_declared(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Formats and the engine's tags come back from it as they went in."""
    from feast import FeatureStore

    domain = request.getfixturevalue(name)
    domain.replace("definitions.py", '"max_ahead": "15m"', '"max_ahead": "15m", "wire": "confluent"')
    domain.replace("definitions.py", '    name="flow",\n', '    name="flow",\n    tags={"owner": "depots"},\n')
    state_dir = tmp_path / "var" / "parcels"
    plan = apply_domain(domain.repo, state_dir, StoreSettings())
    assert load_plan(state_dir / "plan.json") == plan
    with pytest.warns(RuntimeWarning, match="experimental"):
        view = FeatureStore(fs_yaml_file=state_dir / "feature_store.yaml").get_stream_feature_view("flow")
    source = view.stream_source
    assert source.tags["wire"] == "confluent"
    assert view.tags["owner"] == "depots"
    declared = compile_message_format("here", source, domain.repo)
    assert (declared.format, declared.wire) == (plan.sources[0].format, plan.sources[0].wire)


def test_a_message_without_a_file_is_refused(protobuf: SmallDomain) -> None:
    """The remedy says where to put it."""
    for path in protobuf.repo.rglob("*.proto"):
        path.unlink()
    with pytest.raises(DomainError, match="the folder has no"):
        compile_plan(protobuf.repo)
