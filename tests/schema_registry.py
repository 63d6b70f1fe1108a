"""A schema registry over real HTTP, in memory: the part of Confluent's REST interface that producers and we use.

The real one is a Java service. Ids grow from 1; one text has one id; unknown ids and versions are 404 with the codes
40403 and 40402, as the API reference says.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from features.settings import SchemaRegistrySettings


class SchemaRegistry:
    """Schemas by id and by subject; ``asked`` are the paths of all requests."""

    def __init__(self, port: int = 0, user: tuple[str, str] | None = None) -> None:
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.answers_nonsense = False
        self.user = user
        self._server: ThreadingHTTPServer | None = None
        self._port = port

    @property
    def settings(self) -> SchemaRegistrySettings:
        name, password = self.user or (None, None)
        return SchemaRegistrySettings(
            url=f"http://127.0.0.1:{self._port}", username=name, password=password, timeout_s=5.0
        )

    def register(
        self, subject: str, text: str, kind: str = "AVRO", references: list[dict[str, Any]] | None = None
    ) -> int:
        """Id of a schema, as a producer gets it."""
        entry: dict[str, Any] = {"schema": text}
        entry |= {"schemaType": kind} if kind != "AVRO" else {}
        entry |= {"references": references} if references else {}
        known = next((i for i, other in self.schemas.items() if other == entry), None)
        number = known or len(self.schemas) + 1
        self.schemas[number] = entry
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def start(self) -> None:
        """Listen; on the same port as before, once stopped."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Be down."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON."""
        self.asked.append(path)
        if self.answers_nonsense:
            return 404, {"message": "no such page"}
        if by_id := re.fullmatch(r"/schemas/ids/(\d+)", path):
            entry = self.schemas.get(int(by_id[1]))
            return (200, entry) if entry else (404, {"error_code": 40403, "message": "Schema not found"})
        if version := re.fullmatch(r"/subjects/([^/]+)/versions/(\d+)", path):
            numbers = self.subjects.get(version[1], [])
            at = int(version[2]) - 1
            if at >= len(numbers):
                return 404, {"error_code": 40402, "message": "Version not found"}
            return 200, {"subject": version[1], "version": at + 1, "id": numbers[at], **self.schemas[numbers[at]]}
        if method == "POST" and (subject := re.fullmatch(r"/subjects/([^/]+)/versions", path)):
            asked = json.loads(body)
            kind = asked.get("schemaType", "AVRO")
            return 200, {"id": self.register(subject[1], asked["schema"], kind, asked.get("references"))}
        if path == "/subjects":
            return 200, list(self.subjects)
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def _respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                expected = registry.user and base64.b64encode(":".join(registry.user).encode()).decode()
                if expected and self.headers.get("Authorization") != f"Basic {expected}":
                    status, content = 401, {"error_code": 401, "message": "Unauthorized"}
                else:
                    status, content = registry.answer(self.command, self.path, body)
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _respond  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler


@contextmanager
def running_registry(user: tuple[str, str] | None = None) -> Iterator[SchemaRegistry]:
    registry = SchemaRegistry(user=user)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
