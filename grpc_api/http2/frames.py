"""The frames of HTTP/2 as bytes: heads read and written, and the payloads that have a form of their own.

References
----------
RFC 9113, sections 4 and 6.

"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final

from grpc_api.http2.faults import ConnectionFault, ErrorCode

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6

HEAD_BYTES: Final = 9
LEAST_MAX_FRAME: Final = 16_384
GREATEST_MAX_FRAME: Final = 2**24 - 1
DEFAULT_WINDOW: Final = 65_535
GREATEST_WINDOW: Final = 2**31 - 1
LAST_STREAM: Final = 2**31 - 1
PING_BYTES: Final = 8
PRIORITY_BYTES: Final = 5

read_head: Final = Struct(">BHBBI").unpack_from
"""High byte of the length, its low bytes, type, flags, stream with its reserved bit."""
_HEAD: Final = Struct(">BHBBI")
_SETTING: Final = Struct(">HI")
_U32: Final = Struct(">I")
_TWO_U32: Final = Struct(">II")


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A whole frame.

    >>> frame(PING, ACK, 0, b"12345678").hex()
    '0000080601000000003132333435363738'
    """
    length = len(payload)
    return _HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream_id) + payload


def head(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """The head of a frame whose payload follows."""
    return _HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream_id)


def settings_frame(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream_id, _U32.pack(increment))


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream_id, _U32.pack(code))


def goaway(last_stream_id: int, code: ErrorCode, problem: str = "") -> bytes:
    """A GOAWAY frame."""
    return frame(GOAWAY, 0, 0, _TWO_U32.pack(last_stream_id, code) + problem.encode())


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """Name and value of each setting; ConnectionFault where one is out of its range."""
    if len(payload) % _SETTING.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS is no multiple of six bytes")
    for name, value in _SETTING.iter_unpack(payload):
        if name == ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")
        if name == INITIAL_WINDOW_SIZE and value > GREATEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is above 2^31 - 1")
        if name == MAX_FRAME_SIZE and not LEAST_MAX_FRAME <= value <= GREATEST_MAX_FRAME:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of its range")
        yield name, value


def read_u32(payload: bytes, kind: str) -> int:
    """The number that is the whole of a RST_STREAM or WINDOW_UPDATE."""
    if len(payload) != _U32.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"{kind} is not four bytes")
    return int(_U32.unpack(payload)[0])


def without_padding(payload: bytes) -> bytes:
    """What a padded payload pads; ConnectionFault where the padding is longer than the payload."""
    if not payload:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame has no pad length")
    end = len(payload) - payload[0]
    if end < 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the padding is longer than its frame")
    return payload[1:end]
