"""What a peer did wrong, as HTTP/2 names it: the end of one stream, or of the connection."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """The error codes of RFC 9113, section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFault(Exception):  # noqa: N818 - the RFC's own word for an error is taken by its codes
    """The connection cannot go on: GOAWAY with this code, then it is closed."""

    def __init__(self, code: ErrorCode, problem: str) -> None:
        super().__init__(f"{code.name}: {problem}")
        self.code = code
        self.problem = problem


class StreamFault(Exception):  # noqa: N818 - as above
    """One stream cannot go on: RST_STREAM with this code."""

    def __init__(self, stream_id: int, code: ErrorCode, problem: str) -> None:
        super().__init__(f"stream {stream_id}: {code.name}: {problem}")
        self.stream_id = stream_id
        self.code = code
        self.problem = problem
