"""JSON, Avro and Protobuf: one row gives one and the same columns, or refusal, in whatever format it is sent."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.decode import Decoded, Decoder
from features.errors import DomainError
from features.formats.confluent_wire import protobuf_body, protobuf_header
from features.formats.encoding import Encode, open_encoder
from features.formats.schemas import MemoryShelf, SchemaBook, WriterSchema
from features.plan import AvroRecords, ColumnPlan, SourcePlan
from tests.features.orders import ARRIVED_US, AT, AVRO, AVRO_SOURCE, JSON_SOURCE, PROTO, proto_plan, proto_source, row

PROTO_SOURCE = proto_source()
BARE = {"json": JSON_SOURCE, "avro": AVRO_SOURCE, "protobuf": PROTO_SOURCE}


class OneSchema:
    """A registry that knows one schema, whatever its id."""

    def __init__(self, kind: str, text: str) -> None:
        self._schema = WriterSchema(kind=kind, text=text)

    def schema(self, schema_id: int) -> WriterSchema:
        return self._schema


def confluent(source: SourcePlan) -> SourcePlan:
    return msgspec.structs.replace(source, wire="confluent")


@lru_cache
def encoder(source: SourcePlan) -> Encode:
    return open_encoder(source, lambda kind, text: 258)


def encode(source: SourcePlan, rows: list[dict[str, Any]]) -> list[bytes]:
    return [encoder(source)(fields) for fields in rows]


@lru_cache
def decoder(source: SourcePlan) -> Decoder:
    book = SchemaBook(MemoryShelf())
    book.ask(OneSchema("AVRO", json.dumps(AVRO)))
    return Decoder(source, book)


def decode(source: SourcePlan, values: list[bytes | None]) -> Decoded:
    return decoder(source).decode(values, [ARRIVED_US] * len(values))


rows = st.lists(
    st.fixed_dictionaries(
        {
            "buyer": st.text(max_size=5),
            "at": st.integers(-1, 120_000_000).map(lambda us: AT + timedelta(microseconds=us)),
            "price": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "pieces": st.none() | st.integers(-(2**31), 2**31 - 1),
            "shop": st.none() | st.integers(-(2**63), 2**63 - 1),
            "gift": st.none() | st.booleans(),
            "due": st.none()
            | st.integers(-(10**12), 10**13).map(
                lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
            ),
            "kind": st.sampled_from([None, "NEW", "USED"]),
        }
    ),
    max_size=8,
)


@given(rows)
def test_one_row_gives_the_same_columns_in_every_format(sent: list[dict[str, Any]]) -> None:
    """With a registry's header and without; dead letters and their reasons too, but for what JSON calls a number."""
    expected = decode(JSON_SOURCE, list(encode(JSON_SOURCE, sent)))
    for source in BARE.values():
        for framed in (source, confluent(source)):
            decoded = decode(framed, list(encode(framed, sent)))
            assert decoded == expected


def test_the_bytes_of_a_record_are_what_the_formats_say() -> None:
    """Golden bytes, so that encoder and decoder cannot err together."""
    golden = {
        "avro": "0262" + "80808982e2f58606" + "020000000000002440" + "0206" + "00" + "0201" + "00" + "0202" + "00",
        "protobuf": "0a0162" + "1206088081c8ac06" + "190000000000002440" + "22020803" + "32020801" + "4001",
    }
    fields = row(price=10.0, pieces=3, gift=True, kind="USED")
    for name, text in golden.items():
        value = bytes.fromhex(text)
        assert encode(BARE[name], [fields]) == [value]
        assert decode(BARE[name], [value]).raw == [("b", ARRIVED_US, 10.0, 3, None, True, None, "USED")]
    assert encode(confluent(AVRO_SOURCE), [fields]) == [bytes.fromhex("0000000102" + golden["avro"])]
    assert encode(confluent(PROTO_SOURCE), [fields]) == [bytes.fromhex("0000000102" + "040200" + golden["protobuf"])]
    (framed,) = encode(confluent(JSON_SOURCE), [{"buyer": "b"}])
    assert framed == b'\0\0\0\1\2{"buyer":"b"}'


@pytest.mark.parametrize("name", BARE)
def test_what_is_missing_is_null_and_a_tombstone_is_a_dead_letter(name: str) -> None:
    """The neighbours of a bad record are untouched."""
    good = encode(BARE[name], [row(extras={}) if name == "avro" else row()])[0]
    decoded = decode(BARE[name], [good, None, good[:-3], good])
    assert decoded.columns[0] == decoded.columns[3] == ("b", ARRIVED_US, *(None,) * 6)
    assert decoded.reasons[1] == "not_decodable: there is no value (a tombstone)"
    assert decoded.reasons[2].startswith("not_decodable")
    framed = confluent(BARE[name])
    for value in (b"", b"\0\0\0", b"\1\0\0\0\1" + good, good):
        assert (
            decode(framed, [value]).reasons[0].startswith("not_decodable: does not begin with a zero and a schema id")
        )
    assert decode(framed, [None]).reasons[0] == "not_decodable: there is no value (a tombstone)"


@pytest.mark.parametrize("name", ["avro", "protobuf"])
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": math.inf}, "out_of_range: column price"),
        ({"price": 1e300}, "out_of_range: column price"),
        ({"shop": 2**52}, "out_of_range: column shop: Expected `int` <= 4503599627370495"),
        ({"at": AT + timedelta(hours=1)}, "ahead_of_its_time: column at"),
        ({"at": datetime(1969, 1, 1, tzinfo=UTC)}, "out_of_range: column at: is before 1970"),
    ],
)
def test_binary_formats_are_held_to_the_same_rules(name: str, fields: dict[str, Any], reason: str) -> None:
    """Reasons name the column, as those of JSON do."""
    (refused,) = decode(BARE[name], list(encode(BARE[name], [row(**fields)]))).reasons.values()
    assert refused.startswith(reason)


@pytest.mark.parametrize("name", ["avro", "protobuf"])
def test_nan_is_null(name: str) -> None:
    """Where null is allowed; elsewhere it is the breach that null is."""
    value = encode(BARE[name], [row(price=math.nan)])[0]
    assert decode(BARE[name], [value]).raw[0] == ("b", ARRIVED_US, *(None,) * 6)
    columns = list(JSON_SOURCE.columns)
    columns[2] = ColumnPlan(name="price", type="float64", nullable=False, decimals=2)
    strict = msgspec.structs.replace(BARE[name], columns=tuple(columns))
    assert decode(strict, [value]).reasons == {0: "schema_breach: column price: Expected `float`, got `null`"}


def test_instants_beyond_year_9999_are_refused() -> None:
    """Whatever integers can hold."""
    assert (
        decode(AVRO_SOURCE, [b"\2b" + b"\xff" * 9 + b"\1" + b"\0" * 7]).reasons[0].startswith("out_of_range: column at")
    )


def test_left_over_bytes_are_no_avro_record() -> None:
    """A record of another schema that happens to begin alike is not half read."""
    (value,) = encode(AVRO_SOURCE, [row()])
    assert decode(AVRO_SOURCE, [value + b"\0"]).reasons == {0: "not_decodable: Avro is malformed (bytes are left over)"}


def test_a_protobuf_number_without_a_name_is_a_breach() -> None:
    """An open enum may carry any number."""
    (value,) = encode(PROTO_SOURCE, [row(kind="USED")])
    assert value.endswith(b"\x40\1")
    assert decode(PROTO_SOURCE, [value[:-1] + b"\7"]).reasons == {
        0: "schema_breach: column kind: 7 is the number of no declared name"
    }


def test_protobuf_reads_what_newer_and_older_producers_send() -> None:
    """Fields are known by number: new ones are passed over, missing ones are null, without a new plan."""
    newer = proto_plan(PROTO.replace("optional Kind kind = 8;", "optional Kind kind = 8; string note = 15;"))
    older = proto_plan(PROTO.replace("optional double price = 3;", ""))
    sent = row(pieces=3)
    expected = decode(PROTO_SOURCE, list(encode(PROTO_SOURCE, [sent])))
    for plan, fields in ((newer, sent | {"note": "new"}), (older, sent)):
        values = encode(msgspec.structs.replace(PROTO_SOURCE, format=plan), [fields])
        assert decode(PROTO_SOURCE, list(values)) == expected


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5), st.binary(max_size=9))
def test_a_protobuf_header_is_read_as_it_is_written(path: list[int], body: bytes) -> None:
    """Any place of a message."""
    assert protobuf_body(protobuf_header(7, tuple(path)) + body) == (tuple(path), body)


@given(st.sampled_from(sorted(BARE)), st.booleans(), st.lists(st.binary(max_size=40), max_size=5))
def test_no_bytes_do_more_than_be_refused(name: str, framed: bool, values: list[bytes]) -> None:
    """And each is refused for the same reason alone and among others."""
    source = confluent(BARE[name]) if framed else BARE[name]
    together = decode(source, list(values))
    for i, value in enumerate(values):
        alone = decode(source, [value])
        assert (together.raw[i], together.reasons.get(i)) == (alone.raw[0], alone.reasons.get(0))


def test_a_row_that_the_format_cannot_hold_is_named() -> None:
    """A replay of such a history ends with what is wrong."""
    for source in (AVRO_SOURCE, PROTO_SOURCE):
        with pytest.raises(DomainError, match="topic orders: its message format cannot hold"):
            encode(source, [row(pieces="three")])


def promoted(**types: Any) -> AvroRecords:
    fields = [
        {"name": field["name"], "type": types[field["name"]]} if field["name"] in types else field
        for field in AVRO["fields"]
    ]
    return AvroRecords(schema=json.dumps({**AVRO, "fields": fields}))


def without(*names: str) -> AvroRecords:
    return AvroRecords(schema=json.dumps({**AVRO, "fields": [f for f in AVRO["fields"] if f["name"] not in names]}))


def renamed(old: str, new: str) -> AvroRecords:
    return AvroRecords(schema=json.dumps(AVRO).replace(f'"{old}"', f'"{new}"'))


def with_field(field: dict[str, Any]) -> AvroRecords:
    return AvroRecords(schema=json.dumps({**AVRO, "fields": [field, *reversed(AVRO["fields"])]}))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (with_field({"name": "note", "type": ["null", "string"], "default": None}), ("b", ARRIVED_US, 10.0, 3)),
        (without("price", "extras"), ("b", ARRIVED_US, None, 3)),
        (promoted(price="int", pieces="int"), ("b", ARRIVED_US, 10.0, 3)),
        (promoted(price="float"), ("b", ARRIVED_US, 10.0, 3)),
        (renamed("price", "cost"), ("b", ARRIVED_US, None, 3)),
        (renamed("kind", "sort"), ("b", ARRIVED_US, 10.0, 3)),
        (without("buyer"), "schema_breach: column buyer: is missing"),
        (promoted(pieces="string"), "schema_breach: column pieces: Expected `int | null`, got `str`"),
        (
            promoted(at={"type": "long", "logicalType": "timestamp-millis"}),
            "schema_breach: column at: is no timestamp-micros there, in schema 7",
        ),
        (promoted(at="long"), "schema_breach: column at: is no timestamp-micros there, in schema 7"),
    ],
    ids=[
        "new field, other order",
        "field gone",
        "int to double",
        "float to double",
        "another name",
        "an alias",
        "key gone",
        "other type",
        "unit",
        "plain",
    ],
)
def test_avro_is_read_under_the_schema_that_wrote_it(written: AvroRecords, expected: Any) -> None:
    """By Avro's rules of resolution, without a new plan; what they do not allow is a breach."""
    fields = row(
        price=10, kind="USED" if "sort" in written.schema else None, pieces="3" if "pieces" in str(expected) else 3
    )
    fields["at"] = ARRIVED_US if '"type": "long"}' in written.schema else AT
    names = {field["name"] for field in json.loads(written.schema)["fields"]}
    fields |= {
        new: fields.pop(old) for old, new in (("price", "cost"), ("kind", "sort")) if new in names and old in fields
    }
    (body,) = encode(msgspec.structs.replace(AVRO_SOURCE, format=written), [fields])
    book = SchemaBook(MemoryShelf())
    book.ask(OneSchema("AVRO", written.schema))
    decoded = Decoder(confluent(AVRO_SOURCE), book).decode([b"\0\0\0\0\7" + body], [ARRIVED_US])
    if isinstance(expected, str):
        assert decoded.reasons == {0: expected}
        return
    assert decoded.raw[0] is not None
    assert decoded.raw[0][:4] == expected
    assert decoded.raw[0][7] == ("USED" if "sort" in written.schema else None)


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("JSON", '{"type": "object"}', "schema 7 is JSON, not AVRO"),
        ("AVRO", '"string"', "schema 7 is no record"),
        ("AVRO", "{", "schema 7 is no schema that can be read"),
        (
            "AVRO",
            '{"type": "record", "name": "Order", "fields": [{"name": "a", "type": "none"}]}',
            "schema 7 is no schema",
        ),
        ("AVRO", '{"type": "record", "name": "Order"}', "schema 7 is no schema"),
    ],
)
def test_a_schema_that_is_none_of_ours_refuses_its_records(kind: str, text: str, reason: str) -> None:
    """It never changes, so neither will they."""
    book = SchemaBook(MemoryShelf())
    book.ask(OneSchema(kind, text))
    decoded = Decoder(confluent(AVRO_SOURCE), book).decode([b"\0\0\0\0\7x"] * 2, [ARRIVED_US] * 2)
    assert decoded.reasons[0] == decoded.reasons[1]
    assert decoded.reasons[0].startswith(f"schema_breach: record: {reason}")
