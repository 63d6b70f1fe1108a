"""The header list of a request, judged: malformed, refused, or the head of a call.

References
----------
RFC 9113, section 8; "gRPC over HTTP2" and "Compression" of the gRPC documentation.

"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from grpc_api.call import NO_METADATA
from grpc_api.http2.faults import ErrorCode, StreamFault
from grpc_api.http2.hpack import Header
from grpc_api.http2.messages import Encoding, encoding_of
from grpc_api.http2.replies import METHOD_NOT_ALLOWED, UNSUPPORTED_MEDIA_TYPE, HttpAnswer
from grpc_api.status import Code, Status

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_FORBIDDEN_IN_VALUES: Final = re.compile(rb"[\x00\r\n]")
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_ONE_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_TRANSPORTS_OWN: Final = frozenset(
    {b"content-length", b"content-type", b"grpc-accept-encoding", b"grpc-encoding", b"grpc-timeout", b"te"}
)
LONGEST_LENGTH: Final = 18
"""Digits of a content-length; more are no length of anything."""
_TIMEOUT: Final = re.compile(rb"(\d{1,8})([HMSmun])")
_UNIT_S: Final = {b"H": 3_600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What the headers of a call say; it is answered in the encoding of its messages where it accepts that.

    ``refusal`` is what the call is to be answered with instead of being made;
    ``content_length`` what its bytes must come to, where it was told.
    """

    path: str
    timeout_s: float | None = None
    encoding: Encoding = Encoding.IDENTITY
    answer_encoding: Encoding = Encoding.IDENTITY
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    content_length: int | None = None
    refusal: Status | HttpAnswer | None = None


def to_request_head(stream_id: int, headers: Iterable[Header]) -> RequestHead:
    """Judge a header list; StreamFault when it is malformed."""
    pseudo: dict[bytes, bytes] = {}
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name[:1] == b":":
            if name not in _PSEUDO or name in pseudo or fields:
                raise malformed(stream_id, "a pseudo-header is unknown, repeated or out of place")
            pseudo[name] = value
        else:
            check_field(stream_id, name, value)
            fields[name] = fields[name] + b"," + value if name in fields else value
    if not (pseudo.get(b":method") and pseudo.get(b":scheme") and pseudo.get(b":path")):
        raise malformed(stream_id, "a pseudo-header is missing")
    if fields.get(b"te", b"trailers") != b"trailers":
        raise malformed(stream_id, "te is not trailers")
    return _head(stream_id, pseudo, fields)


def check_field(stream_id: int, name: bytes, value: bytes) -> None:
    """Raise StreamFault for a field that no message may carry."""
    if not _NAME.fullmatch(name) or name in _OF_ONE_CONNECTION or _FORBIDDEN_IN_VALUES.search(value):
        raise malformed(stream_id, "a field's name or value is not allowed")


def malformed(stream_id: int, problem: str) -> StreamFault:
    """The fault of a message that is none."""
    return StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, problem)


def to_timeout_s(text: bytes) -> float | None:
    """Seconds of a ``grpc-timeout``; None when it is none.

    >>> to_timeout_s(b"250m")
    0.25
    """
    found = _TIMEOUT.fullmatch(text)
    return None if found is None else int(found[1]) * _UNIT_S[found[2]]


def _head(stream_id: int, pseudo: Mapping[bytes, bytes], fields: Mapping[bytes, bytes]) -> RequestHead:
    length = fields.get(b"content-length")
    if length is not None and not (length.isdigit() and len(length) <= LONGEST_LENGTH):
        raise malformed(stream_id, "content-length is no number")
    told = fields.get(b"grpc-timeout")
    timeout_s = None if told is None else to_timeout_s(told)
    name = fields.get(b"grpc-encoding", b"identity")
    encoding = encoding_of(name)
    refusal: Status | HttpAnswer | None = None
    if pseudo[b":method"] != b"POST":
        refusal = METHOD_NOT_ALLOWED
    elif not _is_grpc(fields.get(b"content-type", b"")):
        refusal = UNSUPPORTED_MEDIA_TYPE
    elif told is not None and timeout_s is None:
        refusal = Status(Code.INVALID_ARGUMENT, "grpc-timeout is not up to eight digits and one of H, M, S, m, u, n")
    elif encoding is None:
        refusal = Status(Code.UNIMPLEMENTED, f"grpc-encoding {text_of(name)!r} is not known; send gzip or identity")
    return RequestHead(
        path=text_of(pseudo[b":path"]),
        timeout_s=timeout_s,
        encoding=encoding or Encoding.IDENTITY,
        answer_encoding=Encoding.GZIP if encoding is Encoding.GZIP and _accepts_gzip(fields) else Encoding.IDENTITY,
        metadata=MappingProxyType(
            {text_of(name): text_of(value) for name, value in fields.items() if name not in _TRANSPORTS_OWN}
        ),
        content_length=None if length is None else int(length),
        refusal=refusal,
    )


def _accepts_gzip(fields: Mapping[bytes, bytes]) -> bool:
    return b"gzip" in fields.get(b"grpc-accept-encoding", b"").replace(b" ", b"").split(b",")


def _is_grpc(content_type: bytes) -> bool:
    """Whether messages are in protobuf, which is all that is spoken here."""
    kind = content_type.partition(b";")[0].strip().lower()
    return kind in {b"application/grpc", b"application/grpc+proto"}


def text_of(value: bytes) -> str:
    """A header's bytes as text, one character a byte."""
    return value.decode("latin-1")
