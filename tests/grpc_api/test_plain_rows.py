"""Rows that are read where they lie are what protobuf reads, or are left to it."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from features.errors import RequestError
from features.kernels import KERNEL
from features.plan import ColumnType, EntityKeyPlan
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.entity import EntityKeys
from grpc_api.plain_rows import PlainRow, TakeRows, open_plain_rows
from tests.grpc_api.shop import PAIRS, SPEND

pytestmark = pytest.mark.skipif(KERNEL != "compiled", reason="was not built here: no C compiler")

N_VALUES = 3
texts = st.text(max_size=12)
values = (
    st.builds(pb.Value, text=texts)
    | st.builds(pb.Value, integer=st.integers(-(2**63), 2**63 - 1))
    | st.builds(pb.Value, number=st.floats())
)
vectors = st.builds(pb.Vector, values=st.lists(st.floats(), max_size=N_VALUES + 1), names=st.just([]) | st.just(["a"]))
any_rows = st.builds(
    pb.BatchRow,
    entity=st.dictionaries(st.sampled_from(["id", "buyer", ""]), values, max_size=2),
    request_id=st.just("") | texts,
    vector=st.none() | vectors,
    request=st.dictionaries(texts, values, max_size=1),
)
kinds = pytest.mark.parametrize("kind", ["string", "int64"])


def keys_of(kind: ColumnType) -> EntityKeys:
    """Of a view with one key."""
    return EntityKeys("shop", [replace(SPEND, keys=(EntityKeyPlan(name="id", type=kind),))])


def opened(keys: EntityKeys, data: bytes) -> TakeRows:
    return open_plain_rows(keys, N_VALUES)(data)


def long_way(keys: EntityKeys, row: pb.BatchRow) -> PlainRow | None:
    """What a row says, by way of its message; None where it is not plain, or is to be refused."""
    if row.request or row.HasField("as_of") or row.vector.names:
        return None
    if row.HasField("vector"):
        numbers = list(row.vector.values)
        is_plain = not row.entity and len(numbers) == N_VALUES and not any(map(math.isinf, numbers))
        return (None, numbers, row.request_id) if is_plain else None
    try:
        (key,) = keys.parse(row.entity).values()
    except RequestError:
        return None
    return key, None, row.request_id


def bits(row: PlainRow | None) -> Any:
    """To compare by: NaN is no NaN's equal."""
    return row and (row[0], row[1] and struct.pack(f"{N_VALUES}d", *row[1]), row[2])


@kinds
@given(rows=st.lists(any_rows, max_size=6))
def test_plain_rows_are_what_their_messages_say(kind: ColumnType, rows: list[pb.BatchRow]) -> None:
    """Whatever protobuf writes: all that is plain is read, the rest is left, and after the last one is nothing."""
    keys = keys_of(kind)
    data = pb.ScoreBatchRequest(model="m", rows=rows, routing_key="r").SerializeToString()
    assert list(map(bits, opened(keys, data)(len(rows) + 1))) == [*(bits(long_way(keys, row)) for row in rows), None]


@kinds
@given(row=any_rows, edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4))
def test_bytes_that_protobuf_reads_in_another_way_are_left_to_it(
    kind: ColumnType, row: pb.BatchRow, edits: list[tuple[int, int]]
) -> None:
    """Fields that come twice, in another order, unknown or in more bytes than need be: never another answer."""
    keys = keys_of(kind)
    data = bytearray(pb.ScoreBatchRequest(rows=[row, row]).SerializeToString())
    for at, byte in edits:
        data[at % len(data)] = byte
    message = pb.ScoreBatchRequest()
    try:
        message.ParseFromString(bytes(data))
    except Exception:
        return  # refused before
    taken = opened(keys, bytes(data))(len(message.rows))
    for plain, parsed in zip(taken, message.rows, strict=True):
        assert plain is None or bits(plain) == bits(long_way(keys, parsed))


@kinds
@given(data=st.binary(max_size=120))
def test_no_bytes_are_read_beyond_their_end(kind: ColumnType, data: bytes) -> None:
    """Whatever they are: none of them is a row, or some are."""
    taken = opened(keys_of(kind), b"\x1a" + data)(3)
    assert len(taken) == 3


def test_rows_may_be_taken_some_at_a_time() -> None:
    """As chunks are: the next ones follow."""
    rows = [pb.BatchRow(entity={"id": pb.Value(integer=number)}, request_id=f"r{number}") for number in range(5)]
    take = opened(keys_of("int64"), pb.ScoreBatchRequest(rows=rows).SerializeToString())
    assert [*take(2), *take(3)] == [(number, None, f"r{number}") for number in range(5)]


@pytest.mark.parametrize("keys", [lambda: keys_of("int32"), lambda: EntityKeys("shop", [PAIRS])])
def test_keys_that_may_have_to_be_refused_are_left(keys: Callable[[], EntityKeys]) -> None:
    """An int32 may be too large, and of several one may be missing."""
    row = pb.BatchRow(entity={"id": pb.Value(integer=2**40)})
    assert opened(keys(), pb.ScoreBatchRequest(rows=[row]).SerializeToString())(1) == [None]
