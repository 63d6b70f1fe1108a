"""The server that the cases ask; they run where the client libraries are installed, which is not where it runs."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def grpc_address() -> str:
    """Host and port."""
    return os.environ["GRPC_ADDRESS"]


@pytest.fixture(scope="session")
def rest_address() -> str:
    """Host and port."""
    return os.environ["REST_ADDRESS"]
