"""Header lists judged, and the blocks that answers are made of."""

from __future__ import annotations

from urllib.parse import unquote

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpc_api.http2.faults import ErrorCode, StreamFault
from grpc_api.http2.messages import Encoding
from grpc_api.http2.replies import (
    HEAD,
    METHOD_NOT_ALLOWED,
    UNSUPPORTED_MEDIA_TYPE,
    HttpAnswer,
    percent_encoded,
    trailers,
    trailers_only,
)
from grpc_api.http2.request_head import RequestHead, to_request_head, to_timeout_s
from grpc_api.status import Code, Status

GOOD = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/a.B/C"),
    (b":authority", b"here"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc+proto"),
)


def judged(*more: tuple[bytes, bytes], without: bytes = b"") -> RequestHead:
    """A good list with a name left out and fields added."""
    return to_request_head(1, [header for header in GOOD if header[0] != without] + list(more))


def test_a_good_list_is_the_head_of_a_call() -> None:
    """What is the transport's own is not in its metadata."""
    head = judged((b"grpc-timeout", b"150m"), (b"grpc-encoding", b"gzip"), (b"grpc-accept-encoding", b"identity, gzip"))

    assert head == RequestHead(
        path="/a.B/C", timeout_s=0.15, encoding=Encoding.GZIP, answer_encoding=Encoding.GZIP, metadata={}
    )
    assert judged((b"x-a", b"1"), (b"x-a", b"2"), (b"user-agent", b"x")).metadata == {"x-a": "1,2", "user-agent": "x"}


@pytest.mark.parametrize(
    "malformed",
    [
        [(b":method", b"POST")],
        [*GOOD, (b":status", b"200")],
        [*GOOD, (b":path", b"/late")],
        [*GOOD, (b"Upper", b"case")],
        [*GOOD, (b"", b"nameless")],
        [*GOOD, (b"x y", b"spaced")],
        [*GOOD, (b"x", b"a\r\nb: c")],
        [*GOOD, (b"x", b"\0")],
        [*GOOD, (b"connection", b"close")],
        [*GOOD, (b"transfer-encoding", b"chunked")],
        [*GOOD[:4], (b"te", b"gzip")],
        [*GOOD, (b"content-length", b"-1")],
        [(b":path", b""), *GOOD[:2]],
        [],
    ],
)
def test_a_malformed_list_ends_the_stream(malformed: list[tuple[bytes, bytes]]) -> None:
    """As RFC 9113 asks."""
    with pytest.raises(StreamFault) as ended:
        to_request_head(7, malformed)

    assert (ended.value.stream_id, ended.value.code) == (7, ErrorCode.PROTOCOL_ERROR)


@pytest.mark.parametrize("timeout", [b"", b"1", b"S", b"-1S", b"1.5S", b"123456789S", b"1s", b"1S ", b"\xd9\xa1S"])
def test_a_timeout_that_is_none_is_refused(timeout: bytes) -> None:
    """It is the caller who wrote it."""
    refusal = judged((b"grpc-timeout", timeout)).refusal

    assert isinstance(refusal, Status)
    assert refusal.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text", "seconds"), [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"99999999n", 0.1)]
)
def test_timeouts_have_units(text: bytes, seconds: float) -> None:
    """Six of them."""
    assert to_timeout_s(text) == pytest.approx(seconds)


def test_what_is_not_grpc_is_told_so_in_http() -> None:
    """By the status that HTTP has for it."""
    assert judged(without=b"content-type").refusal is UNSUPPORTED_MEDIA_TYPE
    for kind in (b"text/html", b"application/grpc-web", b"application/grpc+json"):
        assert judged((b"content-type", kind), without=b"content-type").refusal is UNSUPPORTED_MEDIA_TYPE
    assert judged((b"content-type", b"application/grpc; v=1"), without=b"content-type").refusal is None
    assert to_request_head(1, [(b":method", b"GET"), *GOOD[1:]]).refusal is METHOD_NOT_ALLOWED


def test_an_encoding_that_is_not_spoken_is_not_implemented() -> None:
    """And the answer says which are."""
    refusal = judged((b"grpc-encoding", b"br")).refusal
    assert isinstance(refusal, Status)
    assert refusal.code is Code.UNIMPLEMENTED

    assert dict(decoded(trailers_only(refusal)))["grpc-accept-encoding"] == "identity,gzip"


def decoded(block: bytes) -> list[tuple[str, str]]:
    """A block as another decoder reads it, which keeps nothing of it."""
    decoder = hpack.Decoder()
    found = [(str(name), str(value)) for name, value in decoder.decode(block)]
    assert not decoder.header_table.dynamic_entries
    return found


def test_blocks_of_answers_are_read_by_others() -> None:
    """Head, trailers, both in one, and answers in plain HTTP."""
    head = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-accept-encoding", "identity,gzip")]

    assert decoded(HEAD[Encoding.IDENTITY]) == head
    assert decoded(HEAD[Encoding.GZIP]) == [*head, ("grpc-encoding", "gzip")]
    assert decoded(trailers(Status(Code.OK, "ignored"))) == [("grpc-status", "0")]
    assert decoded(trailers(Status(Code.NOT_FOUND, ""))) == [("grpc-status", "5")]
    failed = [("grpc-status", "5"), ("grpc-message", "no%0A")]
    assert decoded(trailers_only(Status(Code.NOT_FOUND, "no\n"))) == head + failed
    for answer, status in ((UNSUPPORTED_MEDIA_TYPE, "415"), (METHOD_NOT_ALLOWED, "405")):
        assert isinstance(answer, HttpAnswer)
        fields = dict(decoded(answer.block))
        assert (fields[":status"], fields["content-length"]) == (status, str(len(answer.body)))


@given(st.text(max_size=80))
def test_texts_come_back(text: str) -> None:
    """Any that is Unicode, in printable ASCII."""
    encoded = percent_encoded(text)

    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert unquote(encoded.decode()) == text


def test_a_long_text_is_cut_between_characters() -> None:
    """So clients' limits for headers hold."""
    assert unquote(percent_encoded("a" + "ü" * 5_000).decode()) == "a" + "ü" * 511
