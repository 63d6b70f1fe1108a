"""The messages of a call in the bytes of its stream: five bytes of flag and length before each, perhaps compressed.

References
----------
"gRPC over HTTP2" and "Compression" of the gRPC documentation.

"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from enum import Enum
from struct import Struct
from typing import Final, NamedTuple

from grpc_api.status import Code, Status

PREFIX_BYTES: Final = 5
_PREFIX: Final = Struct(">BI")
read_prefix: Final = _PREFIX.unpack_from
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_LEAST_COMPRESSED: Final = 1_024
"""Shorter messages are sent as they are: they would hardly become shorter."""
_FASTEST: Final = 1
_SLICE_BYTES: Final = 64 * 1_024
_CHUNK_BYTES: Final = 256 * 1_024
"""Bytes that are inflated at once; others get their turn in between."""


class Encoding(Enum):
    """How messages may be compressed."""

    IDENTITY = b"identity"
    GZIP = b"gzip"


class MessageError(Exception):
    """Bytes that are no message, or one that is not taken; ``status`` is what the caller is told."""

    def __init__(self, code: Code, problem: str) -> None:
        super().__init__(problem)
        self.status = Status(code, problem)


class Received(NamedTuple):
    """A message as it came."""

    data: bytes
    is_compressed: bool


class MessageReader:
    """Cuts a stream's bytes into messages. At most one message, and what came of the next, is held."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    @property
    def is_within_message(self) -> bool:
        """Whether bytes of a message came whose end has not come yet."""
        return bool(self._buffer)

    @property
    def held_bytes(self) -> int:
        """Bytes of that message that are here."""
        return len(self._buffer)

    @property
    def announced_bytes(self) -> int:
        """Bytes of the message that is on its way; 0 while its length is not known."""
        return read_prefix(self._buffer)[1] if len(self._buffer) >= PREFIX_BYTES else 0

    def feed(self, data: bytes) -> list[Received]:
        """The messages that these bytes complete; MessageError for one that is too long or has an unknown flag."""
        buffer = self._buffer
        buffer += data
        found, at = [], 0
        while len(buffer) - at >= PREFIX_BYTES:
            flag, length = read_prefix(buffer, at)
            check_prefix(flag, length, self._max_bytes)
            end = at + PREFIX_BYTES + length
            if len(buffer) < end:
                break
            found.append(Received(bytes(memoryview(buffer)[at + PREFIX_BYTES : end]), flag == 1))
            at = end
        del buffer[:at]
        return found


def check_prefix(flag: int, length: int, max_bytes: int) -> None:
    """Raise MessageError for a message that will not be taken."""
    if length > max_bytes:
        raise MessageError(Code.RESOURCE_EXHAUSTED, f"the message has {length} bytes, at most {max_bytes} are taken")
    if flag > 1:
        raise MessageError(Code.INTERNAL, f"the message has the flag {flag}, there are 0 and 1")


def encoding_of(name: bytes) -> Encoding | None:
    """The encoding of this name; None when it is not spoken here."""
    try:
        return Encoding(name)
    except ValueError:
        return None


async def inflated(data: bytes, encoding: Encoding, max_bytes: int, reserve: Callable[[int], None]) -> bytes:
    """A compressed message as it was before; MessageError when that is too long, or not what was told.

    ``reserve`` is told how many bytes it has come to so far, and raises MessageError where there is no room for them.
    """
    if encoding is not Encoding.GZIP:
        raise MessageError(Code.INTERNAL, "a message is compressed, but grpc-encoding does not say how")
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    parts, size, at, some = [], 0, 0, b""
    while not inflater.eof:
        if not some:  # by slices, for what is not consumed of one is copied each time
            some, at = data[at : at + _SLICE_BYTES], at + _SLICE_BYTES
        try:
            part = inflater.decompress(some, _CHUNK_BYTES)
        except zlib.error as error:
            raise MessageError(Code.INTERNAL, f"a message is not what gzip makes ({error})") from None
        some = inflater.unconsumed_tail
        size += len(part)
        if size > max_bytes:
            raise MessageError(Code.RESOURCE_EXHAUSTED, f"the message has more than {max_bytes} bytes when inflated")
        reserve(size)
        if not part and not some and at >= len(data) and not inflater.eof:
            raise MessageError(Code.INTERNAL, "a compressed message ends before its end")
        parts.append(part)
        if not inflater.eof:
            await asyncio.sleep(0)
    return b"".join(parts)


def framed(message: bytes, encoding: Encoding) -> bytes:
    """A message with its prefix, compressed where that was agreed and is worth it."""
    if encoding is Encoding.GZIP and len(message) >= _LEAST_COMPRESSED:
        message = gzip.compress(message, _FASTEST, mtime=0)
        return _PREFIX.pack(1, len(message)) + message
    return _PREFIX.pack(0, len(message)) + message
