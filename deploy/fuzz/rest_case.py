"""One request of a fuzz run by HTTP: all its bytes, and how long its answer is waited for."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from typing import Final, NamedTuple

from deploy.fuzz.grpc_case import GOOD, KEYS, VALUES
from deploy.fuzz.json_garbage import JsonGarbage
from deploy.fuzz.mutations import mutated
from deploy.fuzz.rest_surface import RestSurface, Route

PATIENCE_S: Final = 30.0
NO_PATIENCE_S: Final = (0.001, 0.005, 0.02)
"""For an answer that may never come, or that is not to be taken."""
JSON: Final = ("content-type", "application/json")

VERBS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "X")
TYPES: Final = (
    "application/json", "application/json; charset=utf-16", "application/json; charset=none", "application/x+json",
    "application/octet-stream", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
    "multipart/form-data; boundary=x", "", ";", "a/b; c=\"", "application/json" + ";" * 500,
)  # fmt: skip
SPECIAL: Final = (
    ("grpc-timeout", ("1S", "5S", "1n", "0S", "99999999H", "-1S", "1", "S", "1e3S", "")),
    ("inference-header-content-length", ("0", "1", "10", "99999999999", "-1", "1.5", "", "1" * 5_000, "٣")),
    ("content-encoding", ("gzip", "deflate", "br", "identity", "x" * 200, "")),
    ("expect", ("100-continue", "x")),
    ("connection", ("close", "keep-alive", "upgrade", "x")),
    ("upgrade", ("websocket", "h2c")),
    ("x-forwarded-for", ("10.0.0.1", "x" * 300)),
    ("range", ("bytes=0-1",)),
    ("accept", ("text/html", "x/", "")),
    ("host", ("", "a" * 300, "a:b:c")),
)
SEGMENTS: Final = (
    "", "a", "..", "%2e%2e%2f", "%00", "%ff", "%F0%9F%98%80", "a%2Fb", "stats", "{model_name}", "%", "a" * 3_000, "*",
    "ready", "1", "-1", "%ed%a0%80",
)  # fmt: skip
QUERIES: Final = ("", "", "", "?", "?a=b", "?a=%ff&a=1&=", "?" + "a=b&" * 500, "?version=1")


class RestCase(NamedTuple):
    """One request. One that is whole leaves its connection as it was."""

    route: Route
    data: bytes
    verb: str
    patience_s: float
    is_whole: bool
    is_good: bool = False


class RestCases:
    """Makes requests by chance, to every route alike."""

    def __init__(self, surface: RestSurface, words: Sequence[str], generator: random.Random) -> None:
        self._surface = surface
        self._random = generator
        self._garbage = JsonGarbage(generator, words)

    def case(self) -> RestCase:
        """One more."""
        generator = self._random
        route = generator.choice(self._surface.routes)
        if route.has_good and generator.random() < GOOD:
            return self.good(route, generator.choice(route.bodies or (b"",)))
        verb = route.verb if generator.random() < 0.9 else generator.choice(VERBS)
        body = self._body(route) if verb == "POST" or generator.random() < 0.1 else b""
        headers = self._headers()
        framing, sent = self._framed(body)
        is_whole = sent is not None and not any(name in {"connection", "upgrade", "expect"} for name, _ in headers)
        data = written(verb, self._target(route), (*headers, *framing), body if sent is None else sent)
        if generator.random() < 0.05:
            data, is_whole = mutated(data, generator), False
        leaves = not is_whole or generator.random() < 0.05
        patience_s = generator.choice(NO_PATIENCE_S) if leaves else PATIENCE_S
        return RestCase(route, data, verb, patience_s, is_whole=is_whole)

    def good(self, route: Route, body: bytes) -> RestCase:
        """A request that is answered."""
        headers = (JSON, ("content-length", str(len(body))))
        data = written(route.verb, route.filled(self._surface.names), headers, body)
        return RestCase(route, data, route.verb, PATIENCE_S, is_whole=True, is_good=True)

    def _target(self, route: Route) -> str:
        generator = self._random
        names = dict(self._surface.names)
        for name in names:
            if generator.random() < 0.2:
                names[name] = generator.choice(SEGMENTS)
        path = route.filled(names)
        if generator.random() < 0.05:
            path += "/" + generator.choice(SEGMENTS)
        return path + generator.choice(QUERIES)

    def _body(self, route: Route) -> bytes:
        generator, garbage = self._random, self._garbage
        example = generator.choice(route.bodies or (b'{"ready": true}',))
        kind = generator.random()
        if kind < 0.5:
            return garbage.written(garbage.like(json.loads(example)))
        if kind < 0.75:
            return mutated(example, generator)
        if kind < 0.85:
            return garbage.written(garbage.value())
        if kind < 0.9:
            return generator.randbytes(generator.randrange(300))
        if kind < 0.94:
            return gzip.compress(example, mtime=0)
        if kind < 0.97:
            return garbage.deep()
        return example[:-1] + b" " * generator.choice((100, 70_000, 1_000_000)) + example[-1:]

    def _headers(self) -> tuple[tuple[str, str], ...]:
        generator = self._random
        headers = [JSON if generator.random() < 0.8 else ("content-type", generator.choice(TYPES))]
        if generator.random() < 0.3:
            name, values = generator.choice(SPECIAL)
            headers.append((name, generator.choice(values)))
        if generator.random() < 0.2:
            headers += [(generator.choice(KEYS), generator.choice(VALUES)) for _ in range(generator.choice((1, 3, 40)))]
        return tuple(headers)

    def _framed(self, body: bytes) -> tuple[Sequence[tuple[str, str]], bytes | None]:
        """Headers that tell where a body ends, and the body as they say; None where they tell it wrongly."""
        generator = self._random
        right = ("content-length", str(len(body)))
        kind = generator.random()
        if kind < 0.8:
            return (right,), body
        if kind < 0.9:
            at = generator.randrange(len(body) + 1)
            parts = [part for part in (body[:at], body[at:]) if part]
            return (("transfer-encoding", "chunked"),), b"".join(
                b"%x\r\n%b\r\n" % (len(p), p) for p in parts
            ) + b"0\r\n\r\n"
        wrong: tuple[tuple[tuple[str, str], ...], ...] = (
            (),
            (right, right),
            (right, ("transfer-encoding", "chunked")),
            (("transfer-encoding", "chunked"),),
            (("transfer-encoding", "gzip, chunked"),),
            *((("content-length", length),) for length in ("0", "17000000", "-1", "x", "9" * 30, str(len(body) + 5))),
        )
        return generator.choice(wrong), None


def written(verb: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """A request in HTTP/1.1."""
    lines = [f"{verb} {target} HTTP/1.1", "host: fuzz", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body
