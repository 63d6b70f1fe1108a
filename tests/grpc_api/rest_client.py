"""A plain HTTP client of the REST gateway."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

DEADLINE_S = 20.0


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RestClient:
    """Asks one gateway, over one connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=DEADLINE_S)

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> Reply:
        return self.send("GET", path, b"", {})

    def post(self, path: str, message: Any) -> Reply:
        return self.send("POST", path, json.dumps(message).encode(), {"content-type": "application/json"})

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, told, response.read())
        except Exception:
            self.close()  # the next request begins on a new connection
            raise
