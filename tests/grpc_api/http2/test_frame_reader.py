"""Bytes to frames, in whatever portions they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame, PingFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from grpc_api.http2.faults import ConnectionFault, ErrorCode
from grpc_api.http2.frame_reader import Frame, FrameReader
from grpc_api.http2.frames import CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PREFACE, SETTINGS, frame

SENT = b"".join(
    [
        PREFACE,
        SettingsFrame(0, settings={4: 100}).serialize(),
        HeadersFrame(1, data=b"ab", flags=["PADDED", "PRIORITY"], pad_length=3, depends_on=0).serialize(),
        ContinuationFrame(1, data=b"cd").serialize(),
        ContinuationFrame(1, data=b"ef", flags=["END_HEADERS"]).serialize(),
        DataFrame(1, data=b"data", flags=["PADDED", "END_STREAM"], pad_length=2).serialize(),
        PingFrame(0, opaque_data=b"12345678").serialize(),
        frame(0x42, 7, 3, b"unknown"),
    ]
)
READ = [
    (SETTINGS, 0, b"\0\4\0\0\0d"),
    (HEADERS, 1, b"abcdef"),
    (DATA, 1, b"data"),
    (PING, 0, b"12345678"),
    (0x42, 3, b"unknown"),
]


def new_reader() -> FrameReader:
    return FrameReader(max_block_bytes=1_000, max_block_frames=4)


def told(frames: list[Frame]) -> list[tuple[int, int, bytes]]:
    """What matters of frames."""
    return [(each.kind, each.stream_id, each.payload) for each in frames]


@pytest.mark.parametrize("at", range(len(SENT)))
def test_a_split_anywhere_changes_nothing(at: int) -> None:
    """Within the preface, a head, a payload or a header block."""
    reader = new_reader()
    frames = [*reader.feed(SENT[:at]), *reader.feed(SENT[at:])]

    assert told(frames) == READ
    assert frames[2].flow_bytes == len(b"data") + 3
    assert not reader.is_within_frame


@given(st.lists(st.integers(0, len(SENT)), max_size=20))
def test_any_splits_change_nothing(cuts: list[int]) -> None:
    """Down to single bytes."""
    reader = new_reader()
    edges = [0, *sorted(cuts), len(SENT)]
    frames = [each for begin, end in pairwise(edges) for each in reader.feed(SENT[begin:end])]

    assert told(frames) == READ


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_a_fault(data: bytes) -> None:
    """And never anything else."""
    reader = new_reader()
    list(reader.feed(PREFACE + frame(SETTINGS, 0, 0)))
    try:
        for each in reader.feed(data):
            assert len(each.payload) <= each.flow_bytes or each.kind != DATA
    except ConnectionFault:
        return


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\n", ErrorCode.PROTOCOL_ERROR),
        (PREFACE + frame(PING, 0, 0, b"12345678"), ErrorCode.PROTOCOL_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(DATA, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(DATA, 8, 1, b"\5abc"), ErrorCode.PROTOCOL_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(DATA, 8, 1), ErrorCode.FRAME_SIZE_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0x20, 1, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(CONTINUATION, 4, 1), ErrorCode.PROTOCOL_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1) + frame(DATA, 0, 1), ErrorCode.PROTOCOL_ERROR),
        (PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1) + frame(CONTINUATION, 0, 3), ErrorCode.PROTOCOL_ERROR),
        (
            PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1) + 9 * frame(CONTINUATION, 0, 1),
            ErrorCode.ENHANCE_YOUR_CALM,
        ),
        (
            PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1) + frame(CONTINUATION, END_HEADERS, 1, bytes(1_001)),
            ErrorCode.ENHANCE_YOUR_CALM,
        ),
    ],
)
def test_what_is_no_http2_ends_the_connection(sent: bytes, code: ErrorCode) -> None:
    """With the code that the RFC asks for."""
    with pytest.raises(ConnectionFault) as ended:
        list(new_reader().feed(sent))

    assert ended.value.code is code
