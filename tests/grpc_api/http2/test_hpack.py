"""Header blocks, held against the `hpack` package."""

from __future__ import annotations

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from grpc_api.http2 import huffman
from grpc_api.http2.faults import ConnectionFault, ErrorCode
from grpc_api.http2.hpack import STATIC, HeadersTooLongError, HpackDecoder, literal, read_integer, write_integer

NAMES = st.sampled_from([name for name, _ in STATIC] + [b"x-own", b"x-other"]) | st.binary(min_size=1, max_size=12)
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=60)) | st.sampled_from(STATIC), max_size=12)
BLOCKS = st.lists(st.tuples(HEADERS, st.booleans(), st.none() | st.integers(0, 4_096)), max_size=8)
ENOUGH = 1 << 20


def test_the_static_table_is_that_of_the_rfc() -> None:
    """All 61 entries."""
    assert tuple(HeaderTable.STATIC_TABLE) == STATIC


def test_the_code_is_that_of_the_rfc() -> None:
    """All 257 symbols, whose lengths alone are written down."""
    found = sorted(huffman.codes())

    assert [code for _, code, _ in found] == list(REQUEST_CODES)
    assert [bits for _, _, bits in found] == list(REQUEST_CODES_LENGTH)


@given(BLOCKS)
def test_what_an_encoder_writes_is_read(blocks: list[tuple[list[tuple[bytes, bytes]], bool, int | None]]) -> None:
    """Block after block, in its code or plain, while the table fills, overflows and changes its size."""
    encoder, decoder = hpack.Encoder(), HpackDecoder(ENOUGH)
    for headers, use_huffman, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        assert decoder.decode(encoder.encode(headers, huffman=use_huffman)) == headers


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_are_read_or_refused_as_another_decoder_does(blocks: list[bytes]) -> None:
    """And nothing but a fault of the connection comes out."""
    ours, theirs = HpackDecoder(ENOUGH), hpack.Decoder(max_header_list_size=ENOUGH)
    theirs.max_allowed_table_size = 4_096
    for block in blocks:
        try:
            expected = [(bytes(name), bytes(value)) for name, value in theirs.decode(block, raw=True)]
        except (hpack.HPACKError, UnicodeDecodeError):
            expected = None
        if expected is None:
            with pytest.raises(ConnectionFault, match="COMPRESSION_ERROR"):
                ours.decode(block)
            return
        try:
            assert ours.decode(block) == expected
        except ConnectionFault as fault:  # what they let pass: integers of five bytes, a size change behind fields
            if "too long" in fault.problem or "size changes" in fault.problem:
                return
            raise


@given(st.binary(max_size=200))
def test_huffman_strings_are_read(text: bytes) -> None:
    """Any bytes."""
    encoder = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

    assert huffman.decode(encoder.encode(text)) == text


@pytest.mark.parametrize("data", ["ff", "ffff", "1fff", "18", "fffffffc", "ffffffffffff"])
def test_padding_that_is_no_padding_is_refused(data: str) -> None:
    """Longer than seven bits, of zeros, or the end of the string itself."""
    with pytest.raises(huffman.HuffmanError):
        huffman.decode(bytes.fromhex(data))


@given(st.integers(0, 2**27))
def test_integers_come_back(value: int) -> None:
    """Whatever their length."""
    encoded = write_integer(value)

    assert read_integer(encoded, 0, 7) == (value, len(encoded))


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=300))
def test_literals_are_read_by_another_decoder(name: bytes, value: bytes) -> None:
    """And leave no trace in its table."""
    decoder = hpack.Decoder()

    assert [tuple(header) for header in decoder.decode(literal(name, value), raw=True)] == [(name, value)]
    assert not decoder.header_table.dynamic_entries


def test_a_list_that_is_too_long_is_not_kept_and_the_table_is_right_all_the_same() -> None:
    """So the connection can go on."""
    encoder, decoder = hpack.Encoder(), HpackDecoder(100)
    with pytest.raises(HeadersTooLongError):
        decoder.decode(encoder.encode([(b"x-long", b"a" * 100), (b"x-known", b"b")]))

    assert decoder.decode(encoder.encode([(b"x-known", b"b")])) == [(b"x-known", b"b")]


def test_the_tables_size_may_be_told_twice_before_a_block() -> None:
    """The least that it was, and what it is: no more, for a byte each is soon a long time."""
    assert HpackDecoder(ENOUGH).decode(bytes.fromhex("203f1183")) == [(b":method", b"POST")]
    with pytest.raises(ConnectionFault, match="more than twice"):
        HpackDecoder(ENOUGH).decode(b"\x20" * 32_000)


def test_a_bomb_ends_the_connection_before_it_is_large() -> None:
    """An entry of 4 kB, named again by a single byte each time."""
    decoder = HpackDecoder(16_384)
    bomb = b"\x40" + write_integer(1) + b"x" + write_integer(4_000) + b"a" * 4_000 + b"\xbe" * 60_000
    with pytest.raises(ConnectionFault) as ended:
        decoder.decode(bomb)

    assert ended.value.code is ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "block",
    ["80", "be", "20202083", "ff80808080808001", "3fe21f", "8720", "0003", "4001", "000178ff", "000178017fffffffff"],
)
def test_blocks_that_are_none_are_refused(block: str) -> None:
    """Index 0, an entry that is not there, integers and strings without end, a table larger than was allowed."""
    with pytest.raises(ConnectionFault) as ended:
        HpackDecoder(ENOUGH).decode(bytes.fromhex(block))

    assert ended.value.code is ErrorCode.COMPRESSION_ERROR
