"""A connection's bytes cut into frames, whatever portions they come in; header blocks are put together on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from grpc_api.http2.faults import ConnectionFault, ErrorCode, StreamFault
from grpc_api.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    HEAD_BYTES,
    HEADERS,
    LAST_STREAM,
    LEAST_MAX_FRAME,
    PADDED,
    PREFACE,
    PRIORITIZED,
    PRIORITY_BYTES,
    SETTINGS,
    read_head,
    without_padding,
)

MAX_FRAME: Final = LEAST_MAX_FRAME
"""Longest payload that is taken: as long as every peer may send, so that no call waits long behind another's frame."""


class Frame(NamedTuple):
    """A frame, HEADERS with its whole block. ``flow_bytes`` is what it counts against the windows."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes
    flow_bytes: int = 0


class _Block(NamedTuple):
    """A header block of which more is to come."""

    stream_id: int
    flags: int
    parts: list[bytes]


class FrameReader:
    """Reads one connection.

    Parameters
    ----------
    max_block_bytes, max_block_frames
        Longer header blocks, and such in more frames, end the connection.

    Attributes
    ----------
    n_read
        Frames so far, those of an unfinished header block left out: where it stands still while `is_within_frame`,
        the peer keeps us waiting.

    """

    def __init__(self, max_block_bytes: int, max_block_frames: int) -> None:
        self._max_block_bytes = max_block_bytes
        self._max_block_frames = max_block_frames
        self._rest = b""
        self._block: _Block | None = None
        self._has_preface = False
        self.n_read = 0

    @property
    def is_within_frame(self) -> bool:
        """Whether a frame, a header block or the preface has begun and not ended."""
        return bool(self._rest) or self._block is not None or not self.n_read

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete.

        Raises ConnectionFault where they are none.
        """
        buffer = self._rest + data if self._rest else data
        at, end = 0, len(buffer)
        try:
            if not self._has_preface:
                at = self._skip_preface(buffer)
            while self._has_preface and end - at >= HEAD_BYTES:
                high, low, kind, flags, stream_id = read_head(buffer, at)
                length = high << 16 | low
                if length > MAX_FRAME:
                    raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is longer than MAX_FRAME_SIZE")
                stop = at + HEAD_BYTES + length
                if stop > end:
                    break
                payload = buffer[at + HEAD_BYTES : stop]
                at = stop
                frame = self._frame(kind, flags, stream_id & LAST_STREAM, payload)
                if frame is not None:
                    self.n_read += 1
                    yield frame
        finally:
            self._rest = buffer[at:]

    def _skip_preface(self, buffer: bytes) -> int:
        if not PREFACE.startswith(buffer[: len(PREFACE)]):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the connection does not begin with the preface of HTTP/2")
        self._has_preface = len(buffer) >= len(PREFACE)
        return len(PREFACE) if self._has_preface else 0

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        """The frame; None where it leaves a header block unfinished."""
        if self._block is not None or kind == CONTINUATION:
            return self._continued(kind, flags, stream_id, payload)
        if not self.n_read and kind != SETTINGS:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if kind == DATA:
            return Frame(kind, flags, stream_id, without_padding(payload) if flags & PADDED else payload, len(payload))
        if kind == HEADERS:
            block = _block_of(flags, stream_id, payload)
            if flags & END_HEADERS:
                return Frame(kind, flags, stream_id, block)
            self._block = _Block(stream_id, flags, [block])
            return None
        return Frame(kind, flags, stream_id, payload)

    def _continued(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        block = self._block
        if block is None or kind != CONTINUATION or stream_id != block.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame stands where a CONTINUATION must, or the reverse")
        block.parts.append(payload)
        if len(block.parts) > self._max_block_frames or sum(map(len, block.parts)) > self._max_block_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block goes on and on")
        if not flags & END_HEADERS:
            return None
        self._block = None
        return Frame(HEADERS, block.flags | END_HEADERS, stream_id, b"".join(block.parts))


def _block_of(flags: int, stream_id: int, payload: bytes) -> bytes:
    """The part of a header block in a HEADERS frame; its priority is looked at and forgotten."""
    if not flags & (PADDED | PRIORITIZED):
        return payload
    if flags & PADDED:
        payload = without_padding(payload)
    if flags & PRIORITIZED:
        if len(payload) < PRIORITY_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is shorter than its priority")
        if depends_on(payload) == stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")
        payload = payload[PRIORITY_BYTES:]
    return payload


def check_priority(stream_id: int, payload: bytes) -> None:
    """Look at a PRIORITY frame, which says nothing that is heeded."""
    if not stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY names no stream")
    if len(payload) != PRIORITY_BYTES:
        raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not five bytes")
    if depends_on(payload) == stream_id:
        raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")


def depends_on(priority: bytes) -> int:
    """The stream that a priority names."""
    return int.from_bytes(priority[:4], "big") & LAST_STREAM
