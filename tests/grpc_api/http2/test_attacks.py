"""Peers that mean harm, or do not know better: each costs itself, and nobody else."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from features.settings import AuthSettings
from grpc_api.access.api_keys import new_key
from grpc_api.access.authenticator import Authenticator
from grpc_api.http2.faults import ErrorCode
from grpc_api.http2.frames import frame
from tests.grpc_api.http2.serving import RawPeer, Serving, message
from tests.waiting import wait_until

CALM = ErrorCode.ENHANCE_YOUR_CALM
PING_OF_ONES = PingFrame(0, opaque_data=b"1" * 8)


@pytest.fixture
def peer(serving: Serving) -> Iterator[RawPeer]:
    """Whoever attacks; afterwards the server must be as it was."""
    with RawPeer(serving.port) as peer:
        yield peer
    with RawPeer(serving.port) as other:
        other.send(other.call(1, b"still here?"))
        assert other.answer(1)[1][5:] == b"still here?"
    wait_until(lambda: serving.things.running == 0)
    wait_until(lambda: serving.server.free_bytes == serving.limits.buffered_bytes)


def compressed(data: bytes) -> bytes:
    """The bytes of a message that says it is compressed, by data that may be no gzip."""
    return b"\1" + len(data).to_bytes(4, "big") + data


def flood(peer: RawPeer, *frames: Frame | bytes, times: int = 3_000) -> None:
    """Send the same over and over; the server may hang up meanwhile."""
    burst = b"".join(each if isinstance(each, bytes) else each.serialize() for each in frames) * 100
    try:
        for _ in range(times // 100):
            peer.send(burst)
    except OSError:
        return


def ended_with(peer: RawPeer) -> int:
    """The code of the GOAWAY."""
    return int(peer.goaway().error_code)


def test_rapid_reset_ends_the_connection(serving: Serving, peer: RawPeer) -> None:
    """CVE-2023-44487: each stream is reset as soon as it is opened; no handler stays behind."""
    try:
        for stream in range(1, 4_001, 2):
            peer.send(peer.call(stream, b"60", path="Wait"), RstStreamFrame(stream, error_code=8))
    except OSError:
        pass

    assert ended_with(peer) == CALM


def test_callers_that_take_answers_may_give_up_as_often(peer: RawPeer) -> None:
    """Those of a busy server do: a thousand calls reset at once, between as many that are answered."""
    for stream in range(1, 4_001, 4):
        answered = peer.call(stream, b"x")
        given_up = peer.call(stream + 2, b"60", path="Wait")
        peer.send(answered, given_up, RstStreamFrame(stream + 2, error_code=8))
        if stream % 100 == 1:
            peer.answer(stream)

    assert peer.pings()


def test_resets_provoked_from_the_server_end_the_connection(peer: RawPeer) -> None:
    """CVE-2025-8671: the peer breaks its streams instead of resetting them."""
    try:
        for stream in range(1, 2_001, 2):
            peer.send(peer.call(stream, b"60", path="Wait"), WindowUpdateFrame(stream, window_increment=0))
    except OSError:
        pass

    assert ended_with(peer) == CALM


def test_a_continuation_flood_ends_the_connection(peer: RawPeer) -> None:
    """CVE-2024-24549 and its like: a header block without an end."""
    peer.send(peer.headers(1, flags=()))
    flood(peer, ContinuationFrame(1, data=b"\0\1x\1y" * 100))

    assert ended_with(peer) == CALM


def test_a_header_bomb_ends_the_connection(peer: RawPeer) -> None:
    """Some kilobytes that stand for megabytes."""
    entry = b"\x40\x01x\x7f\xa1\x1e" + b"a" * 4_000
    peer.send(HeadersFrame(1, data=entry + b"\xbe" * 12_000, flags=["END_HEADERS"]))

    assert ended_with(peer) == CALM


def test_headers_that_are_too_long_are_refused_and_the_connection_goes_on(peer: RawPeer) -> None:
    """Within reason it may be a mistake."""
    peer.send(peer.headers(1, ("x-long", "a" * 10_000), ("x-longer", "b" * 10_000), flags=()))
    peer.send(ContinuationFrame(1, flags=["END_HEADERS"]))
    assert peer.answer(1)[0]["grpc-status"] == "8"
    peer.send(peer.call(3, b"x"))
    assert peer.answer(3)[1][5:] == b"x"


@pytest.mark.parametrize(
    "noise", [DataFrame(1, data=b""), HeadersFrame(1, data=b"", flags=["END_HEADERS"])], ids=["data", "headers"]
)
def test_frames_for_a_call_that_is_over_are_no_freer(peer: RawPeer, noise: Frame) -> None:
    """Its request may have been on its way still, but not thousands of frames that hold nothing of it."""
    peer.send(peer.headers(1, path="NoSuchMethod"))
    assert peer.answer(1)[0]["grpc-status"] == "12"
    flood(peer, noise)

    assert ended_with(peer) == CALM


@pytest.mark.parametrize(
    "noise",
    [
        PING_OF_ONES,
        SettingsFrame(0, settings={3: 100}),
        PriorityFrame(5),
        WindowUpdateFrame(0, window_increment=1),
        RstStreamFrame(1, error_code=8),
        frame(0x42, 0, 0),
        DataFrame(3, data=b""),
        DataFrame(3, data=b"", flags=["PADDED"], pad_length=5),
    ],
    ids=["ping", "settings", "priority", "window", "reset", "unknown", "empty data", "padding"],
)
def test_frames_that_ask_for_nothing_end_the_connection(peer: RawPeer, noise: Frame | bytes) -> None:
    """After some thousand of them."""
    peer.send(peer.call(1, b"x"), peer.headers(3))
    flood(peer, noise)

    assert ended_with(peer) == CALM


def test_a_peer_may_grant_windows_as_often_as_it_reads(peer: RawPeer) -> None:
    """Twice for each of thousands of frames."""
    peer.send(peer.call(1, b"3000 10", path="Count"))
    n_read = 0
    for each in peer.frames():
        if isinstance(each, DataFrame):
            n_read += 1
            peer.send(WindowUpdateFrame(0, window_increment=19), WindowUpdateFrame(1, window_increment=19))
        elif "END_STREAM" in each.flags and each.stream_id == 1:
            break

    assert n_read == 3_000
    assert peer.pings()


def test_pings_between_calls_are_answered(peer: RawPeer) -> None:
    """Clients measure the line with them; only pings without end are too many."""
    for stream in range(1, 101, 2):
        peer.send(peer.call(stream, b"x"))
        peer.answer(stream)
        assert peer.pings()


def test_a_peer_that_takes_no_answer_is_given_up() -> None:
    """A window of nothing, for calls with long answers: they are reset, and what waited is forgotten."""
    with Serving(stall_s=0.5, look_s=0.1) as server, RawPeer(server.port, settings={4: 0}) as peer:
        peer.send(*(peer.call(stream, b"1000000", path="Large") for stream in range(1, 21, 2)))
        codes = {peer.reset(stream) for stream in range(1, 21, 2)}
        assert codes == {ErrorCode.CANCEL}
        wait_until(lambda: server.server.free_bytes == server.limits.buffered_bytes)
        assert peer.pings()


def test_a_peer_that_does_not_read_is_hung_up_on() -> None:
    """Its windows are open, and its socket is full: no more of its calls are read, and in the end it goes."""
    with Serving(stall_s=0.5, look_s=0.1) as server, RawPeer(server.port, settings={4: 2**31 - 1}) as peer:
        peer.grow(0, 2**30)
        peer.socket.settimeout(0.2)
        try:
            for stream in range(1, 2_001, 2):
                peer.send(peer.call(stream, b"1000000", path="Large"))
        except OSError:
            pass
        wait_until(lambda: server.server.n_connections == 0, 20)
        assert server.server.free_bytes == server.limits.buffered_bytes


def test_bombs_hold_no_more_than_there_is_room_for() -> None:
    """Small when they come, together far more than the server may buffer."""
    sent = compressed(gzip.compress(bytes(900_000)))
    with Serving(buffered_bytes=3_000_000, message_bytes=1_000_000) as server, RawPeer(server.port) as peer:
        for stream in range(1, 41, 2):
            peer.send(peer.headers(stream, ("grpc-encoding", "gzip")))
            peer.send(DataFrame(stream, data=sent, flags=["END_STREAM"]))
        # the windows hold every answer up, so those that end were refused
        assert peer.until(lambda each: isinstance(each, HeadersFrame) and "END_STREAM" in each.flags)
        peer.socket.close()
        wait_until(lambda: server.server.free_bytes == 3_000_000)


def test_a_length_that_is_announced_takes_no_room_before_it_comes() -> None:
    """Five bytes each must not keep everybody else out."""
    limits = {"buffered_bytes": 3_000_000, "message_bytes": 1_000_000, "stream_window": 65_535}
    with Serving(**limits) as server, RawPeer(server.port) as peer:
        for stream in range(1, 41, 2):
            peer.send(peer.headers(stream), DataFrame(stream, data=b"\0" + (900_000).to_bytes(4, "big")))
        peer.send(peer.call(41, b"x" * 10))
        assert peer.answer(41)[0]["grpc-status"] == "0"
        assert server.server.free_bytes > 1_000_000


def test_messages_of_no_length_are_held_back_too() -> None:
    """Each takes memory while it waits: where nobody takes them, no more are let through."""
    with Serving(stream_window=65_535) as server, RawPeer(server.port) as peer:
        peer.send(peer.headers(1, path="EchoAll"), message(1, b"stop taking", is_last=False))
        wait_until(lambda: server.things.taken == 1)
        peer.send(*(DataFrame(1, data=bytes(15_000)) for _ in range(12)))
        cut = peer.until(lambda each: isinstance(each, RstStreamFrame))
        assert isinstance(cut, RstStreamFrame)
        assert cut.error_code == ErrorCode.FLOW_CONTROL_ERROR


def test_answers_that_nobody_takes_find_room_or_are_refused() -> None:
    """So the memory that peers can make the server hold is bounded."""
    with Serving(buffered_bytes=3_500_000) as server, RawPeer(server.port, settings={4: 0}) as peer:
        peer.send(*(peer.call(stream, b"1000000", path="Large") for stream in range(1, 13, 2)))
        assert peer.answer(11)[0]["grpc-status"] == "8"
        wait_until(lambda: server.shed("memory") >= 1)
        assert server.server.free_bytes < 1_000_000
        peer.socket.close()
        wait_until(lambda: server.server.free_bytes == 3_500_000)


@pytest.mark.parametrize("begin", [b"", b"PRI * HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\6\4"])
def test_a_peer_that_does_not_begin_is_hung_up_on(begin: bytes) -> None:
    """Slowloris, at the preface or within the first frame."""
    import socket

    with (
        Serving(handshake_s=0.3, look_s=0.1) as server,
        socket.create_connection(("127.0.0.1", server.port), 20) as slow,
    ):
        slow.sendall(begin)
        while slow.recv(65_536):
            pass
        wait_until(lambda: server.server.n_connections == 0)


def test_a_message_that_never_ends_is_given_up() -> None:
    """Its call is answered; the connection goes on."""
    with Serving(stall_s=0.3, look_s=0.1) as server, RawPeer(server.port) as peer:
        peer.send(peer.headers(1), DataFrame(1, data=b"\0\0\0\0\x09half"))
        assert peer.answer(1)[0]["grpc-status"] == "4"
        assert peer.pings()


def test_a_call_without_a_request_ends() -> None:
    """A head alone holds memory too, and its peer may well answer pings."""
    with Serving(stall_s=0.3, look_s=0.1) as server, RawPeer(server.port) as peer:
        peer.send(peer.headers(1), peer.headers(3, path="EchoAll"))
        assert peer.answer(1)[0]["grpc-status"] == "4"
        peer.send(message(3, b"a stream may be silent"))
        assert peer.answer(3)[0]["grpc-status"] == "0"


def test_a_silent_peer_is_asked_and_then_hung_up_on() -> None:
    """One that answers stays."""
    with Serving(keepalive_s=0.3, keepalive_ack_s=0.7, look_s=0.1) as server, RawPeer(server.port) as peer:
        ping = peer.until(lambda each: isinstance(each, PingFrame))
        assert isinstance(ping, PingFrame)
        peer.send(PingFrame(0, opaque_data=ping.opaque_data, flags=["ACK"]))
        assert server.server.n_connections == 1
        wait_until(lambda: server.server.n_connections == 0, 20)


def test_an_idle_connection_is_taken_leave_of() -> None:
    """With a GOAWAY that loses no call."""
    with Serving(idle_s=0.3, look_s=0.1) as server, RawPeer(server.port) as peer:
        assert peer.goaway().error_code == ErrorCode.NO_ERROR
        peer.send(peer.call(1, b"late"))
        assert peer.answer(1)[1][5:] == b"late"
        assert peer.goaway().last_stream_id == 1
        wait_until(lambda: server.server.n_connections == 0)


def test_calls_that_come_after_the_last_goaway_touch_no_others() -> None:
    """They were on their way when it was said: they are passed over, and the calls before them answered."""
    with Serving(idle_s=None, age_s=0.1, look_s=0.1) as server, RawPeer(server.port) as peer:
        peer.send(peer.call(1, b"0.5", path="Wait"))
        peer.goaway()
        peer.send(PingFrame(0, opaque_data=b"draining", flags=["ACK"]))
        assert peer.goaway().last_stream_id == 1
        peer.send(peer.call(3, b"late"), WindowUpdateFrame(3, window_increment=5), RstStreamFrame(3, error_code=8))
        assert peer.answer(1)[1][5:] == b"0.5"
        assert list(peer.frames()) == []


def test_more_streams_than_allowed_are_refused() -> None:
    """The others are not touched."""
    with Serving(max_streams=2) as server, RawPeer(server.port) as peer:
        peer.send(peer.call(1, b"0.3", path="Wait"), peer.call(3, b"0.3", path="Wait"), peer.call(5, b"x"))
        assert peer.reset(5) == ErrorCode.REFUSED_STREAM
        assert peer.answer(1)[1][5:] == b"0.3"
        assert server.things.cancelled == 0


def test_who_crowds_the_server_goes_first() -> None:
    """Calls take memory from their heads on. The address with most of them loses its fullest connection, no other."""
    with (
        Serving(max_calls=50, look_s=0.1) as server,
        RawPeer(server.port) as full,
        RawPeer(server.port) as fuller,
        RawPeer(server.port, address="127.0.0.2") as other,
    ):
        for peer, n_calls in ((full, 20), (fuller, 25), (other, 22)):
            peer.send(*(peer.headers(stream) for stream in range(1, 2 * n_calls, 2)))
        assert ended_with(fuller) == CALM
        for peer in (full, other):
            peer.send(message(1, b"still here"))
            assert peer.answer(1)[1][5:] == b"still here"


def test_more_data_than_a_window_takes_is_refused(serving: Serving, peer: RawPeer) -> None:
    """Of a stream whose handler takes nothing, which alone ends."""
    peer.send(peer.headers(1, path="EchoAll"), message(1, b"stop taking", is_last=False))
    for _ in range(serving.limits.stream_window // 16_000 + 1):
        peer.send(message(1, bytes(16_000), is_last=False))
    assert peer.reset(1) == ErrorCode.FLOW_CONTROL_ERROR
    assert peer.pings()


def test_an_inflating_bomb_is_stopped_and_others_go_on(peer: RawPeer) -> None:
    """100 kB that stand for 100 MB."""
    bomb = gzip.compress(bytes(100 * 2**20), 9)
    assert len(bomb) < 110_000
    data = compressed(bomb)
    frames = [DataFrame(1, data=data[at : at + 16_384]) for at in range(0, len(data), 16_384)]
    frames[-1].flags.add("END_STREAM")
    peer.send(peer.headers(1, ("grpc-encoding", "gzip")), *frames, peer.call(3, b"meanwhile"))
    assert peer.answer(3)[1][5:] == b"meanwhile"
    assert peer.answer(1)[0]["grpc-status"] == "8"


@pytest.mark.parametrize("path", ["Echo", "EchoAll", "Count"])
@pytest.mark.parametrize(("data", "code"), [(gzip.compress(bytes(200_000)), "8"), (b"no gzip", "13")])
def test_what_does_not_inflate_is_its_callers_fault(path: str, data: bytes, code: str) -> None:
    """The caller is told what is wrong with the message, of a stream too; nothing of it is a failure of ours."""
    with (
        Serving(message_bytes=100_000) as server,
        RawPeer(server.port) as peer,
        structlog.testing.capture_logs() as lines,
    ):
        peer.send(peer.headers(1, ("grpc-encoding", "gzip"), path=path))
        peer.send(DataFrame(1, data=compressed(data), flags=["END_STREAM"]))
        told = peer.answer(1)[0]
        assert told["grpc-status"] == code
        assert ("100000 bytes" if code == "8" else "gzip") in told["grpc-message"]
        assert lines == []


def test_a_stranger_has_nothing_inflated(tmp_path: Path) -> None:
    """Who calls is looked at before."""
    (tmp_path / "keys").write_text(new_key("till", ["score"])[1])
    settings = AuthSettings(api_keys=tmp_path / "keys")
    with Serving(authenticator=Authenticator(settings)) as server, RawPeer(server.port) as peer:
        peer.send(peer.headers(1, ("grpc-encoding", "gzip")))
        peer.send(DataFrame(1, data=compressed(b"no gzip"), flags=["END_STREAM"]))
        assert peer.answer(1)[0]["grpc-status"] == "16"
        wait_until(lambda: server.answered("Echo", "UNAUTHENTICATED") == 1)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_what_everybody_may_call_takes_short_messages(peer: RawPeer, encoding: str) -> None:
    """However few bytes they were sent in."""
    for stream, n_bytes, code in ((1, 60_000, "0"), (3, 70_000, "8")):
        data = bytes(n_bytes)
        sent = compressed(gzip.compress(data)) if encoding == "gzip" else b"\0" + n_bytes.to_bytes(4, "big") + data
        peer.send(peer.headers(stream, ("grpc-encoding", encoding), path="Alive"))
        frames = [DataFrame(stream, data=sent[at : at + 16_384]) for at in range(0, len(sent), 16_384)]
        frames[-1].flags.add("END_STREAM")
        peer.send(*frames)
        assert peer.answer(stream)[0]["grpc-status"] == code
