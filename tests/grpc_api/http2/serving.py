"""A server of methods that do as they are told, on a loop in a thread of its own, and a peer that speaks raw frames."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import hpack
import uvloop
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from features.errors import RequestError
from grpc_api.access.authenticator import Authenticator
from grpc_api.call import Call
from grpc_api.gate import Gate
from grpc_api.http2.door import Places
from grpc_api.http2.limits import Limits
from grpc_api.http2.listener import open_listener
from grpc_api.http2.server import Http2Server
from grpc_api.http2.tls import ServerTls
from grpc_api.meter import Meter
from grpc_api.methods import BidirectionalMethod, ServerStreamingMethod, UnaryMethod, by_path
from grpc_api.metrics import ScorerMetrics

T = TypeVar("T")
SERVICE = "/test.Things/"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUEST = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", f"{SERVICE}Echo"),
    (":authority", "test"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
)


class Things:
    """Methods that do as they are told, and what became of their calls."""

    def __init__(self) -> None:
        self.running = 0
        self.cancelled = 0
        self.yielded = 0
        self.taken = 0
        self.calls: list[Call] = []

    async def echo(self, data: bytes, call: Call) -> bytes:
        self.calls.append(call)
        return data

    async def wait(self, data: bytes, call: Call) -> bytes:
        """Answer after so many seconds."""
        self.running += 1
        try:
            await asyncio.sleep(float(data))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return data

    async def large(self, data: bytes, call: Call) -> bytes:
        """So many bytes."""
        return bytes(int(data))

    async def fail(self, data: bytes, call: Call) -> bytes:
        if data:
            raise RequestError("field", data.decode(), "send another")
        raise ValueError("secret")

    async def count(self, data: bytes, call: Call) -> AsyncIterator[bytes]:
        """So many messages of so many bytes."""
        n, size = map(int, data.split())
        try:
            for number in range(n):
                self.yielded += 1
                yield number.to_bytes(4, "big") + bytes(size)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    async def echo_all(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for message in messages:
            self.taken += 1
            if message == b"fail":
                raise RequestError("message", "says fail", "say something else")
            if message == b"stop taking":
                await asyncio.sleep(60)
            yield message

    def methods(self) -> Mapping[str, Any]:
        return by_path(
            [
                UnaryMethod(f"{SERVICE}Echo", "score", self.echo),
                UnaryMethod(f"{SERVICE}Alive", "open", self.echo),
                UnaryMethod(f"{SERVICE}Wait", "score", self.wait),
                UnaryMethod(f"{SERVICE}Large", "score", self.large),
                UnaryMethod(f"{SERVICE}Fail", "score", self.fail),
                ServerStreamingMethod(f"{SERVICE}Count", "score", self.count),
                BidirectionalMethod(f"{SERVICE}EchoAll", "score", self.echo_all),
            ]
        )


class Serving:
    """A running server; ``server`` and ``things`` may be looked at, and acted on through `on_loop`."""

    def __init__(
        self,
        *,
        tls: ServerTls | None = None,
        authenticator: Authenticator | None = None,
        connections: int = 4_096,
        **limits: Any,
    ) -> None:
        self.things = Things()
        self.limits = Limits(**limits)
        self.turned_away: Counter[str] = Counter()
        self._metrics = ScorerMetrics()
        self._meter = Meter(self._metrics)
        self.server = Http2Server(
            methods=self.things.methods(),
            gate=Gate(self._meter, authenticator=authenticator),
            limits=self.limits,
            listen=lambda: open_listener("127.0.0.1", 0),
            tls=tls,
            places=Places(connections),
            on_turned_away=lambda why: self.turned_away.update([why]),
        )
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answered(self, method: str, code: str) -> float:
        """Calls of a method that ended with this code."""
        labels = {"method": method, "code": code}
        return self._metrics.registry.get_sample_value("millstream_scorer_requests_total", labels) or 0.0

    def shed(self, reason: str) -> float:
        """Calls for which there was no room."""
        return self._metrics.registry.get_sample_value("millstream_scorer_shed_total", {"reason": reason}) or 0.0

    def on_loop(self, act: Callable[[], T]) -> T:
        """Do something in the loop's thread."""

        async def acting() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(30)

    def stop(self, drain_s: float = 1.0) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(drain_s), self._loop).result(30)

    def __enter__(self) -> Self:
        self._thread.start()
        self._meter.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop(0.1)
        self._meter.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class RawPeer:
    """A client of single frames, built and read by hyperframe and hpack."""

    def __init__(
        self,
        port: int,
        *,
        settings: Mapping[int, int] | None = None,
        context: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ):
        connected: socket.socket = socket.create_connection(("127.0.0.1", port), 20, (address, 0))
        if context is not None:
            connected = context.wrap_socket(connected, server_hostname="localhost")
        self._begin(connected, dict(settings or {}))

    @classmethod
    def over(cls, connected: socket.socket) -> Self:
        """One over a connection that there is."""
        peer = cls.__new__(cls)
        peer._begin(connected, {})
        return peer

    def _begin(self, connected: socket.socket, settings: dict[int, int]) -> None:
        self.socket = connected
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self._rest = b""
        self.send(PREFACE, SettingsFrame(0, settings=settings))

    def send(self, *parts: Frame | bytes) -> None:
        """Send frames, or bytes as they are."""
        self.socket.sendall(b"".join(part if isinstance(part, bytes) else part.serialize() for part in parts))

    def headers(
        self, stream: int, *changes: tuple[str, str], path: str = "Echo", flags: tuple[str, ...] = ("END_HEADERS",)
    ) -> HeadersFrame:
        """The head of a call, with fields changed or added."""
        fields = {**dict(REQUEST), ":path": SERVICE + path, **dict(changes)}
        return HeadersFrame(stream, data=self.encoder.encode(list(fields.items())), flags=flags)

    def call(self, stream: int, data: bytes = b"x", *, path: str = "Echo") -> bytes:
        """The frames of a whole call."""
        return self.headers(stream, path=path).serialize() + message(stream, data).serialize()

    def frames(self) -> Iterator[Frame]:
        """What the server sends, to its end."""
        while True:
            while len(self._rest) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(self._rest[:9]))
                if len(self._rest) < 9 + length:
                    break
                frame.parse_body(memoryview(self._rest[9 : 9 + length]))
                self._rest = self._rest[9 + length :]
                yield frame
            try:
                data = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLError):
                return
            if not data:
                return
            self._rest += data

    def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame of this kind; AssertionError when the connection ends before."""
        for frame in self.frames():
            if wanted(frame):
                return frame
        raise AssertionError("the connection ended before that frame")

    def answer(self, stream: int) -> tuple[dict[str, str], bytes]:
        """The fields and the data of a stream up to its end."""
        fields: dict[str, str] = {}
        data = b""
        for frame in self.frames():
            if isinstance(frame, HeadersFrame):
                found = dict(self.decoder.decode(frame.data))
                if frame.stream_id == stream:
                    fields |= found
            elif isinstance(frame, DataFrame) and frame.stream_id == stream:
                data += frame.data
            if frame.stream_id == stream and ("END_STREAM" in frame.flags or isinstance(frame, RstStreamFrame)):
                return fields, data
        raise AssertionError("the connection ended before the answer")

    def pings(self) -> bool:
        """Whether the server still answers on this connection."""
        try:
            self.send(PingFrame(0, opaque_data=b"answer!!"))
            self.until(lambda frame: isinstance(frame, PingFrame) and "ACK" in frame.flags)
        except (AssertionError, OSError):
            return False
        return True

    def goaway(self) -> GoAwayFrame:
        """The server's last word."""
        frame = self.until(lambda frame: isinstance(frame, GoAwayFrame))
        assert isinstance(frame, GoAwayFrame)
        return frame

    def reset(self, stream: int) -> int:
        """The code that a stream is reset with."""
        frame = self.until(lambda frame: isinstance(frame, RstStreamFrame) and frame.stream_id == stream)
        assert isinstance(frame, RstStreamFrame)
        return frame.error_code

    def grow(self, stream: int, increment: int) -> None:
        self.send(WindowUpdateFrame(stream, window_increment=increment))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()


def message(stream: int, data: bytes, *, is_last: bool = True) -> DataFrame:
    """A gRPC message in a DATA frame."""
    return DataFrame(stream, data=b"\0" + len(data).to_bytes(4, "big") + data, flags=["END_STREAM"] if is_last else [])
