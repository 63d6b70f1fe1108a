"""What becomes of a record, and why."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.decode import Decoded, Decoder
from features.formats.json_records import MAX_DEPTH
from features.formats.record import Reason
from features.plan import ColumnPlan, SourcePlan
from features.quantise import QUANTISED_LIMIT

ARRIVED_US = 1_704_067_200_000_000
ON_TIME = "2024-01-01T00:00:00Z"

SOURCE = SourcePlan(
    topic="orders",
    timestamp_column="placed.at",
    max_ahead_us=60_000_000,
    columns=(
        ColumnPlan(name="buyer", type="string", nullable=False),
        ColumnPlan(name="placed.at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="pieces", type="int32", nullable=True, decimals=0),
        ColumnPlan(name="shop", type="int64", nullable=True),
        ColumnPlan(name="gift", type="bool", nullable=True),
        ColumnPlan(name="due", type="timestamp", nullable=True),
    ),
)


def record(**fields: Any) -> bytes:
    """An order that is valid but for these fields."""
    return msgspec.json.encode({"buyer": "b", "placed.at": ON_TIME} | fields)


def decode(*values: bytes | None, arrived_us: int = ARRIVED_US) -> Decoded:
    return Decoder(SOURCE).decode(values, [arrived_us] * len(values))


def test_a_whole_record_comes_back_as_sent_and_quantised() -> None:
    """Numbers with decimals become ints; identifiers, texts, booleans and times stay."""
    value = record(price=12.345, pieces=3, shop=2**60, gift=True, due="1969-12-31T23:59:59.999999+00:00", more=[1])
    decoded = decode(value)
    assert decoded.raw == [("b", ARRIVED_US, 12.345, 3, 2**60, True, -1)]
    assert decoded.columns == [("b", ARRIVED_US, 1234, 3, 2**60, True, -1)]
    assert decoded.event_us == [ARRIVED_US]
    assert decoded.reasons == {}


def test_what_is_missing_or_null_is_none_where_the_column_is_nullable() -> None:
    """A null is a null, whether it was sent or left out."""
    for value in (record(), record(price=None, pieces=None, shop=None, gift=None, due=None)):
        decoded = decode(value, record(price=1))
        assert decoded.columns[0] == ("b", ARRIVED_US, None, None, None, None, None)
        assert decoded.columns[1] == ("b", ARRIVED_US, 100, None, None, None, None)
        assert decoded.raw[1] == ("b", ARRIVED_US, 1.0, None, None, None, None)


def test_an_empty_batch_decodes_to_nothing() -> None:
    """No records, no rows."""
    assert decode() == Decoded([], [], [], {})


@pytest.mark.parametrize(
    ("stamp", "event_us"),
    [
        ("2024-01-01T02:00:00.5+02:00", ARRIVED_US + 500_000),
        ("2023-12-31t23:59:59.999999z", ARRIVED_US - 1),
        ("2024-01-01T00:01:00Z", ARRIVED_US + 60_000_000),
    ],
)
def test_event_time_is_int_microseconds_of_any_zone(stamp: str, event_us: int) -> None:
    """RFC 3339 with any offset gives UTC microseconds, up to the allowed distance ahead."""
    assert decode(record(**{"placed.at": stamp})).event_us == [event_us]


BAD: list[tuple[bytes | None, Reason, str]] = [
    (None, Reason.NOT_DECODABLE, "tombstone"),
    (b"", Reason.NOT_DECODABLE, "truncated"),
    (b"\xff\xfe", Reason.NOT_DECODABLE, "malformed"),
    (b'{"buyer": "\xff", "placed.at": "2024-01-01T00:00:00Z"}', Reason.NOT_DECODABLE, "utf-8"),
    (record() + b"{}", Reason.NOT_DECODABLE, "trailing"),
    (record(buyer="b")[:-1] + b', "price": NaN}', Reason.NOT_DECODABLE, "malformed"),
    (b"[]", Reason.SCHEMA_BREACH, "record"),
    (b"null", Reason.SCHEMA_BREACH, "record"),
    (b"{}", Reason.SCHEMA_BREACH, "column buyer: is missing"),
    (record(buyer=None), Reason.SCHEMA_BREACH, "column buyer"),
    (record(buyer=1), Reason.SCHEMA_BREACH, "column buyer"),
    (record(price=True), Reason.SCHEMA_BREACH, "column price"),
    (record(price="1"), Reason.SCHEMA_BREACH, "column price"),
    (record(pieces=True), Reason.SCHEMA_BREACH, "column pieces"),
    (record(pieces=1.0), Reason.SCHEMA_BREACH, "column pieces"),
    (record(gift=1), Reason.SCHEMA_BREACH, "column gift"),
    (record(**{"placed.at": None}), Reason.SCHEMA_BREACH, "column placed.at"),
    (record(**{"placed.at": "2024-01-01T00:00:00"}), Reason.SCHEMA_BREACH, "column placed.at"),
    (record(**{"placed.at": 1704067200}), Reason.SCHEMA_BREACH, "column placed.at"),
    (record(due="soon"), Reason.SCHEMA_BREACH, "column due"),
    (record()[:-1] + b', "price": 1e400}', Reason.OUT_OF_RANGE, "column price"),
    (record(price=1e300), Reason.OUT_OF_RANGE, "column price"),
    (record(price=-(2**52) / 100), Reason.OUT_OF_RANGE, "column price"),
    (record(pieces=2**31), Reason.OUT_OF_RANGE, "column pieces"),
    (record(shop=2**63), Reason.OUT_OF_RANGE, "column shop"),
    (record(shop=10**50), Reason.OUT_OF_RANGE, "column shop"),
    (record()[:-1] + b', "shop": ' + b"9" * 5000 + b"}", Reason.OUT_OF_RANGE, "column shop"),
    (record(**{"placed.at": "1969-12-31T23:59:59Z"}), Reason.OUT_OF_RANGE, "column placed.at"),
    (record(**{"placed.at": "0001-01-01T00:00:00+14:00"}), Reason.OUT_OF_RANGE, "column placed.at"),
    (record(**{"placed.at": "2024-01-01T00:01:00.000001Z"}), Reason.AHEAD_OF_ITS_TIME, "column placed.at"),
    (record(**{"placed.at": "2034-01-01T00:00:00Z", "price": 1e300}), Reason.OUT_OF_RANGE, "column price"),
]


@pytest.mark.parametrize(("value", "reason", "where"), BAD, ids=[f"{i}-{bad[1]}" for i, bad in enumerate(BAD)])
def test_a_bad_record_is_refused_with_its_reason_and_hurts_no_other(
    value: bytes | None, reason: Reason, where: str
) -> None:
    """The reason says what and where; the records around a bad one are as without it."""
    good = record(price=1.5)
    decoded = decode(good, value, value, good)
    assert set(decoded.reasons) == {1, 2}
    assert decoded.reasons[1] == decoded.reasons[2]
    code, _, detail = decoded.reasons[1].partition(": ")
    assert code == reason
    assert where in detail
    assert decoded.raw[1] is decoded.columns[1] is None
    assert decoded.event_us == [ARRIVED_US, -1, -1, ARRIVED_US]
    alone = decode(good)
    assert decoded.columns[0] == decoded.columns[3] == alone.columns[0]
    assert decoded.raw[0] == decoded.raw[3] == alone.raw[0]


def test_halves_of_a_record_are_not_put_together() -> None:
    """Two values that would be one record if joined, beside one that holds two, are three dead letters."""
    whole = record()
    decoded = decode(b'{"buyer": "b", "x": [1', b'2], "placed.at": "2024-01-01T00:00:00Z"}', whole + whole)
    assert sorted(decoded.reasons) == [0, 1, 2]


def nested(depth: int) -> bytes:
    return record()[:-1] + b', "more": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_nesting_has_a_limit_that_no_stack_decides() -> None:
    """Up to MAX_DEPTH is fine, deeper is refused from wherever it is called."""

    def decode_below(frames: int) -> Decoded:
        return decode(nested(MAX_DEPTH), nested(MAX_DEPTH + 1)) if frames == 0 else decode_below(frames - 1)

    assert decode(nested(MAX_DEPTH), nested(MAX_DEPTH + 1)) == decode_below(300)
    assert list(decode_below(300).reasons) == [1]
    assert decode(record(more="[" * 10_000), record(more=[[]] * 10_000)).reasons == {}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 6))
def test_quantising_equals_python_arithmetic(number: float, decimals: int) -> None:
    """``q`` is the double ``v · 10^k`` rounded half to even, refused from 2^52 on."""
    source = SourcePlan(
        topic="t",
        timestamp_column="at",
        max_ahead_us=0,
        columns=(
            ColumnPlan(name="at", type="timestamp", nullable=False),
            ColumnPlan(name="v", type="float64", nullable=True, decimals=decimals),
        ),
    )
    decoded = Decoder(source).decode([msgspec.json.encode({"at": ON_TIME, "v": number})], [ARRIVED_US])
    scaled = number * 10**decimals
    if math.isinf(scaled) or abs(round(scaled)) >= QUANTISED_LIMIT:
        assert decoded.reasons[0].startswith(Reason.OUT_OF_RANGE)
    else:
        assert decoded.columns == [(ARRIVED_US, round(scaled))]


@given(st.lists(st.sampled_from([record(price=i / 8, pieces=i) for i in range(5)] + [bad for bad, _, _ in BAD])))
def test_a_record_fares_alike_alone_and_in_any_batch(values: list[bytes | None]) -> None:
    """Decoding is a function of each record by itself."""
    together = decode(*values)
    for i, value in enumerate(values):
        alone = decode(value)
        assert (together.raw[i], together.columns[i], together.event_us[i], together.reasons.get(i)) == (
            alone.raw[0],
            alone.columns[0],
            alone.event_us[0],
            alone.reasons.get(0),
        )
