"""A server for the tests of this room, one for all that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.grpc_api.http2.serving import Serving


@pytest.fixture(scope="package")
def serving() -> Iterator[Serving]:
    """A running server with the limits that it has by default."""
    with Serving() as server:
        yield server
