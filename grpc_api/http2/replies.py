"""The header blocks that calls are answered with, encoded once.

They use the static table and plain literals only, so they are the same for every peer and every moment.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from grpc_api.http2.frames import DATA, END_HEADERS, END_STREAM, HEADERS, frame
from grpc_api.http2.hpack import literal
from grpc_api.http2.messages import PREFIX_BYTES, Encoding
from grpc_api.status import Code, Status

_STATUS_200: Final = b"\x88"
_CONTENT_TYPE: Final = literal(b"content-type", b"application/grpc")
_ACCEPT_ENCODING: Final = literal(b"grpc-accept-encoding", b"identity,gzip")

HEAD: Final = {
    Encoding.IDENTITY: _STATUS_200 + _CONTENT_TYPE + _ACCEPT_ENCODING,
    Encoding.GZIP: _STATUS_200 + _CONTENT_TYPE + _ACCEPT_ENCODING + literal(b"grpc-encoding", b"gzip"),
}
"""What comes before the messages of an answer."""
OK: Final = literal(b"grpc-status", b"0")
"""What comes after them when all went well."""


class HttpAnswer(NamedTuple):
    """A header block and a body for a peer that does not speak gRPC."""

    block: bytes
    body: bytes


def _http_answer(block: bytes, body: bytes) -> HttpAnswer:
    length = literal(b"content-length", str(len(body)).encode())
    return HttpAnswer(block + literal(b"content-type", b"text/plain") + length, body)


UNSUPPORTED_MEDIA_TYPE: Final = _http_answer(
    literal(b":status", b"415"), b"This is a gRPC server: send content-type application/grpc.\n"
)
METHOD_NOT_ALLOWED: Final = _http_answer(
    literal(b":status", b"405") + literal(b"allow", b"POST"), b"This is a gRPC server: its calls are POST requests.\n"
)

_MOST_TEXT: Final = 1_024
"""Bytes of a status's text: what a client's limit of 8 KiB for headers takes, however it must be escaped."""


_BEFORE: Final = Struct(f">BHBBI{len(HEAD[Encoding.IDENTITY])}sBHBBIBI")
_AFTER: Final = Struct(f">BHBBI{len(OK)}s")


def whole_answer(stream_id: int, message: bytes) -> bytes:
    """The three frames of a call that went well, where the message fits into one."""
    length = len(message) + PREFIX_BYTES
    before = _BEFORE.pack(
        0, len(HEAD[Encoding.IDENTITY]), HEADERS, END_HEADERS, stream_id, HEAD[Encoding.IDENTITY],
        length >> 16, length & 0xFFFF, DATA, 0, stream_id, 0, len(message),
    )  # fmt: skip
    return before + message + _AFTER.pack(0, len(OK), HEADERS, END_HEADERS | END_STREAM, stream_id, OK)


def head_frame(stream_id: int, encoding: Encoding) -> bytes:
    """What comes before the messages of an answer, as a frame."""
    return frame(HEADERS, END_HEADERS, stream_id, HEAD[encoding])


def last_frame(stream_id: int, block: bytes) -> bytes:
    """The block that ends an answer, as a frame."""
    return frame(HEADERS, END_HEADERS | END_STREAM, stream_id, block)


def trailers(status: Status) -> bytes:
    """What comes after the messages, or follows none where a head was sent."""
    if status.code is Code.OK:
        return OK
    return _failure(status)


def trailers_only(status: Status) -> bytes:
    """An answer that is nothing but a status."""
    return HEAD[Encoding.IDENTITY] + trailers(status)


@lru_cache(256)
def _failure(status: Status) -> bytes:
    block = literal(b"grpc-status", str(int(status.code)).encode())
    if status.message:
        block += literal(b"grpc-message", percent_encoded(status.message))
    return block + b"".join(literal(name.encode(), value.encode()) for name, value in status.metadata)


def percent_encoded(text: str) -> bytes:
    """A text as ``grpc-message`` wants it: printable ASCII but the percent sign as it is, other bytes of UTF-8 escaped.

    >>> percent_encoded("100 % süß")
    b'100 %25 s%C3%BC%C3%9F'
    """
    kept = text.encode("utf-8", "replace")[:_MOST_TEXT].decode("utf-8", "ignore").encode()
    return b"".join(_ESCAPED[byte] for byte in kept)


_ESCAPED: Final = tuple(
    bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != ord("%") else f"%{byte:02X}".encode() for byte in range(256)
)
