"""What is written by hand is what protobuf writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value, StringValue
from hypothesis import given
from hypothesis import strategies as st

from features import protobuf_wire as wire

instants = st.integers(-(2**55), 2**55)


def of_every(name: str) -> pytest.MarkDecorator:
    """The function in Python, and the one that is used here."""
    both = [getattr(wire, f"{name}_in_python"), getattr(wire, name)]
    return pytest.mark.parametrize("write", both, ids=["python", "used here"])


@of_every("varint")
@given(st.integers(-(2**63), 2**63 - 1))
def test_any_integer_is_written_as_protobuf_writes_it(write: Callable[[int], bytes], number: int) -> None:
    """But 0, which protobuf leaves out."""
    expected = Int64Value(value=number).SerializeToString()
    assert b"\x08" + write(number) == expected or (number, write(number), expected) == (0, b"\0", b"")


@of_every("delimited")
@given(st.binary(min_size=1, max_size=300))
def test_bytes_have_their_length_before_them(write: Callable[[int, bytes], bytes], content: bytes) -> None:
    """Of one byte or of two; nothing is nothing with its length."""
    assert write(1, content) == BytesValue(value=content).SerializeToString()
    assert write(15, b"") == b"\x7a\x00"


@given(st.text(max_size=300))
def test_text_is_left_out_where_it_is_empty(content: str) -> None:
    """As in protobuf."""
    assert wire.text(1, content) == StringValue(value=content).SerializeToString()


@of_every("seconds_and_nanos")
@given(instants)
def test_instants_are_those_of_protobuf(write: Callable[[int], bytes], us: int) -> None:
    """Before 1970 too: seconds are rounded down."""
    seconds, rest = divmod(us, 1_000_000)
    assert write(us) == Timestamp(seconds=seconds, nanos=rest * 1_000).SerializeToString()


@of_every("duration")
@given(instants)
def test_durations_are_those_of_protobuf(write: Callable[[int], bytes], us: int) -> None:
    """Below zero both parts are."""
    sign, (seconds, rest) = (1 if us >= 0 else -1), divmod(abs(us), 1_000_000)
    assert write(us) == Duration(seconds=sign * seconds, nanos=sign * rest * 1_000).SerializeToString()
