"""One topic in each message format: the same columns, declared in the words of JSON, Avro and Protobuf."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from features.declarations.protobuf_format import protobuf_message
from features.plan import AvroRecords, ColumnPlan, ProtobufRecords, SourcePlan

ARRIVED_US = 1_704_067_200_000_000
AT = datetime(2024, 1, 1, tzinfo=UTC)

AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop.v1",
    "fields": [
        {"name": "buyer", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": ["null", "double"], "default": None},
        {"name": "pieces", "type": ["null", "int"], "default": None},
        {"name": "shop", "type": ["null", "long"], "default": None},
        {"name": "gift", "type": ["null", "boolean"], "default": None},
        {"name": "due", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
        {
            "name": "kind",
            "aliases": ["sort"],
            "type": ["null", {"type": "enum", "name": "Kind", "symbols": ["NEW", "USED"]}],
            "default": None,
        },
        {"name": "extras", "type": {"type": "map", "values": "string"}, "default": {}},
    ],
}
PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Parcel { string unrelated = 1; }
message Box {
  message Order {
    string buyer = 1;
    google.protobuf.Timestamp at = 2;
    optional double price = 3;
    google.protobuf.Int32Value pieces = 4;
    optional sfixed64 shop = 5;
    google.protobuf.BoolValue gift = 6;
    google.protobuf.Timestamp due = 7;
    optional Kind kind = 8;
    map<string, string> extras = 9;
  }
}
enum Kind { NEW = 0; USED = 1; }
"""
MESSAGE = "shop.v1.Box.Order"

JSON_SOURCE = SourcePlan(
    topic="orders",
    timestamp_column="at",
    max_ahead_us=60_000_000,
    columns=(
        ColumnPlan(name="buyer", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="pieces", type="int32", nullable=True, decimals=0),
        ColumnPlan(name="shop", type="int64", nullable=True, decimals=0),
        ColumnPlan(name="gift", type="bool", nullable=True),
        ColumnPlan(name="due", type="timestamp", nullable=True),
        ColumnPlan(name="kind", type="string", nullable=True),
    ),
)
AVRO_SOURCE = msgspec.structs.replace(JSON_SOURCE, format=AvroRecords(schema=json.dumps(AVRO)))


def proto_plan(text: str = PROTO, message: str = MESSAGE) -> ProtobufRecords:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "order.proto").write_text(text)
        return protobuf_message("here", message, Path(folder))


def proto_source() -> SourcePlan:
    return msgspec.structs.replace(JSON_SOURCE, format=proto_plan())


def row(**fields: Any) -> dict[str, Any]:
    """An order that is valid but for these fields."""
    return {"buyer": "b", "at": AT} | fields
