"""Header blocks decoded: the static table, the dynamic table that the peer fills, and strings.

References
----------
RFC 7541.

"""

from __future__ import annotations

from collections import deque
from typing import Final

from grpc_api.http2.faults import ConnectionFault, ErrorCode
from grpc_api.http2.huffman import HuffmanError
from grpc_api.http2.huffman import decode as huffman_decode

Header = tuple[bytes, bytes]

STATIC: Final[tuple[Header, ...]] = (
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"), (b":path", b"/index.html"),
    (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"), (b":status", b"204"), (b":status", b"206"),
    (b":status", b"304"), (b":status", b"400"), (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"), (b"accept-language", b""), (b"accept-ranges", b""), (b"accept", b""),
    (b"access-control-allow-origin", b""), (b"age", b""), (b"allow", b""), (b"authorization", b""),
    (b"cache-control", b""), (b"content-disposition", b""), (b"content-encoding", b""), (b"content-language", b""),
    (b"content-length", b""), (b"content-location", b""), (b"content-range", b""), (b"content-type", b""),
    (b"cookie", b""), (b"date", b""), (b"etag", b""), (b"expect", b""), (b"expires", b""), (b"from", b""),
    (b"host", b""), (b"if-match", b""), (b"if-modified-since", b""), (b"if-none-match", b""), (b"if-range", b""),
    (b"if-unmodified-since", b""), (b"last-modified", b""), (b"link", b""), (b"location", b""), (b"max-forwards", b""),
    (b"proxy-authenticate", b""), (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""),
    (b"refresh", b""), (b"retry-after", b""), (b"server", b""), (b"set-cookie", b""),
    (b"strict-transport-security", b""), (b"transfer-encoding", b""), (b"user-agent", b""), (b"vary", b""),
    (b"via", b""), (b"www-authenticate", b""),
)  # fmt: skip
ENTRY_BYTES: Final = 32
"""What an entry counts beside its name and value, in the table and in a list."""
TABLE_BYTES: Final = 4_096
MOST_RESIZED: Final = 2
"""Changes of the table's size before a block: the least that it was set to since the last one, and what it is now."""
_CONTINUATION_BYTES: Final = 4
"""More bytes than these after a prefix would make an integer of more than 28 bits, which nothing here may be."""


class HeadersTooLongError(Exception):
    """The list is longer than it may be; the table is as the block leaves it, so the connection can go on."""


class HpackDecoder:
    """One direction of a connection.

    Parameters
    ----------
    max_list_bytes
        Lists whose names, values and 32 bytes an entry come to more are not kept. A list of four times as much ends
        the connection: whoever sends it is after our memory or time.

    """

    def __init__(self, max_list_bytes: int) -> None:
        self._max_list_bytes = max_list_bytes
        self._table: deque[Header] = deque()
        self._table_bytes = 0
        self._max_table_bytes = TABLE_BYTES
        self.changes = 0
        """How often the table has changed; a block that changes nothing means the same until something does."""

    def decode(self, block: bytes) -> list[Header]:
        """Names and values in order.

        Raises
        ------
        ConnectionFault
            The block is not one; the connection is of no use any more.
        HeadersTooLongError
            See the class.

        """
        try:
            return self._decode(block)
        except IndexError:
            raise _broken("the block ends within a field, or names an entry that is not there") from None
        except HuffmanError as error:
            raise _broken(str(error)) from None

    def _decode(self, block: bytes) -> list[Header]:
        found: list[Header] = []
        size, at, end, n_resized = 0, 0, len(block), 0
        while at < end:
            byte = block[at]
            if byte & 0x80:
                index, at = read_integer(block, at, 7)
                header = self._entry(index)
            elif byte & 0xE0 == 0x20:
                n_resized += 1
                if size or n_resized > MOST_RESIZED:
                    raise _broken("the table's size changes within a block, or more than twice before it")
                new_size, at = read_integer(block, at, 5)
                self._resize(new_size)
                continue
            else:
                header, at = self._literal(block, at, byte)
            size += len(header[0]) + len(header[1]) + ENTRY_BYTES
            if size <= self._max_list_bytes:
                found.append(header)
            elif size > 4 * self._max_list_bytes:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the header list is far too long")
        if size > self._max_list_bytes:
            raise HeadersTooLongError
        return found

    def _literal(self, block: bytes, at: int, byte: int) -> tuple[Header, int]:
        """A name from a table or of its own, and a value."""
        indexed = byte & 0x40
        index, at = read_integer(block, at, 6 if indexed else 4)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = read_string(block, at)
        value, at = read_string(block, at)
        header = name, value
        if indexed:
            self._insert(header)
        return header, at

    def _entry(self, index: int) -> Header:
        if index <= 0:
            raise _broken("index 0 names no entry")
        if index <= len(STATIC):
            return STATIC[index - 1]
        return self._table[index - len(STATIC) - 1]

    def _insert(self, header: Header) -> None:
        self._table.appendleft(header)
        self._table_bytes += len(header[0]) + len(header[1]) + ENTRY_BYTES
        self.changes += 1
        self._evict()

    def _resize(self, size: int) -> None:
        if size > TABLE_BYTES:
            raise _broken("the table is made larger than was allowed")
        self._max_table_bytes = size
        self.changes += 1
        self._evict()

    def _evict(self) -> None:
        while self._table_bytes > self._max_table_bytes:
            name, value = self._table.pop()
            self._table_bytes -= len(name) + len(value) + ENTRY_BYTES


def read_integer(block: bytes, at: int, prefix_bits: int) -> tuple[int, int]:
    r"""An integer whose first bits stand in the last bits of a byte, and where it ends.

    >>> read_integer(b"\x1f\x9a\x0a", 0, 5)
    (1337, 3)
    """
    most = (1 << prefix_bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for shift in range(0, 7 * _CONTINUATION_BYTES, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _broken("an integer is too long")


def read_string(block: bytes, at: int) -> tuple[bytes, int]:
    """A string, perhaps in Huffman's code, and where it ends; IndexError when the block ends before."""
    is_huffman = block[at] & 0x80
    length, at = read_integer(block, at, 7)
    end = at + length
    if end > len(block):
        raise IndexError
    return (huffman_decode(block[at:end]) if is_huffman else block[at:end]), end


def literal(name: bytes, value: bytes) -> bytes:
    """A field as a literal that no table keeps, in no code: what a peer needs no memory for.

    >>> literal(b"grpc-status", b"0").hex()
    '000b677270632d7374617475730130'
    """
    return b"\x00" + write_integer(len(name)) + name + write_integer(len(value)) + value


def write_integer(value: int) -> bytes:
    """An integer behind a prefix of seven bits whose flag is off."""
    if value < 127:
        return bytes((value,))
    found, value = bytearray(b"\x7f"), value - 127
    while value >= 128:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _broken(problem: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, problem)
