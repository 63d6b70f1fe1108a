"""A stream's bytes to messages, whatever frames they come in; compression."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpc_api.http2.messages import Encoding, MessageError, MessageReader, Received, framed, inflated
from grpc_api.status import Code

MAX = 10_000


def as_sent(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


@given(
    st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=6), st.lists(st.integers(0, 400), max_size=9)
)
def test_any_splits_change_nothing(messages: list[tuple[bytes, bool]], cuts: list[int]) -> None:
    """Whole messages come out, in order, and what is left is told."""
    sent = b"".join(as_sent(data, flag) for data, flag in messages) + b"\0\0\0"
    reader = MessageReader(MAX)
    edges = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    found = [message for begin, end in pairwise(edges) for message in reader.feed(sent[begin:end])]

    assert found == [Received(data, flag) for data, flag in messages]
    assert reader.is_within_message
    assert reader.announced_bytes == 0


def test_a_message_on_its_way_tells_its_length() -> None:
    """Once its first five bytes are here."""
    reader = MessageReader(MAX)
    assert reader.feed(as_sent(bytes(9_000))[:7]) == []
    assert reader.announced_bytes == 9_000


@pytest.mark.parametrize(
    ("sent", "code"), [(as_sent(b"")[:1] + b"\0\0\x27\x11", Code.RESOURCE_EXHAUSTED), (as_sent(b"x", 2), Code.INTERNAL)]
)
def test_what_is_no_message_here_is_refused_at_its_prefix(sent: bytes, code: Code) -> None:
    """Before it is here: one byte too long, or with an unknown flag."""
    with pytest.raises(MessageError) as refused:
        MessageReader(MAX).feed(sent)

    assert refused.value.status.code is code


@given(st.binary(max_size=MAX))
def test_a_compressed_message_comes_back(data: bytes) -> None:
    """Short ones are sent as they are."""
    sent = framed(data, Encoding.GZIP)
    body = sent[5:]

    assert int.from_bytes(sent[1:5], "big") == len(body)
    assert sent[0] == (len(data) >= 1_024)
    if sent[0]:
        assert gzip.decompress(body) == data
        assert asyncio.run(inflated(body, Encoding.GZIP, MAX, room_for(MAX))) == data
    else:
        assert body == data


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (gzip.compress(bytes(MAX + 1), mtime=0), Encoding.GZIP, Code.RESOURCE_EXHAUSTED),
        (gzip.compress(b"whole", mtime=0)[:-3], Encoding.GZIP, Code.INTERNAL),
        (b"no gzip at all", Encoding.GZIP, Code.INTERNAL),
        (b"", Encoding.GZIP, Code.INTERNAL),
        (gzip.compress(b"x", mtime=0), Encoding.IDENTITY, Code.INTERNAL),
    ],
)
async def test_what_does_not_inflate_is_refused(data: bytes, encoding: Encoding, code: Code) -> None:
    """Too long, cut, not compressed, or in a way that nobody told."""
    with pytest.raises(MessageError) as refused:
        await inflated(data, encoding, MAX, room_for(MAX))

    assert refused.value.status.code is code


def room_for(most: int) -> Callable[[int], None]:
    """A reserve of so many bytes."""

    def reserve(n_bytes: int) -> None:
        if n_bytes > most:
            raise MessageError(Code.RESOURCE_EXHAUSTED, "no room")

    return reserve


async def test_what_is_inflated_takes_room_as_it_grows() -> None:
    """So a thousand small bombs together hold no more than there is."""
    with pytest.raises(MessageError, match="no room"):
        await inflated(gzip.compress(bytes(5_000_000)), Encoding.GZIP, 5_000_000, room_for(1_000_000))


async def test_others_get_their_turn_while_a_message_is_inflated() -> None:
    """So a bomb costs its sender's call time, not everybody's."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert (
        len(await inflated(gzip.compress(bytes(5_000_000)), Encoding.GZIP, 5_000_000, room_for(5_000_000))) == 5_000_000
    )
    counting.cancel()

    assert turns > 10
