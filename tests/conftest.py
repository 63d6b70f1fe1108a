"""Real servers, one of each for the whole session; a test that hurts a server starts its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.servers import MlflowServer, TansuServer, ValkeyServer


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and logs of the session's servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def valkey(server_folder: Path) -> Iterator[ValkeyServer]:
    """A running store, shared: use a project name of your own."""
    with ValkeyServer(server_folder / "valkey") as server:
        yield server


@pytest.fixture(scope="session")
def tansu(server_folder: Path) -> Iterator[TansuServer]:
    """A running broker, shared: use topic and group names of your own."""
    with TansuServer(server_folder / "tansu") as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(server_folder: Path) -> Iterator[MlflowServer]:
    """A running registry, shared: use model names of your own."""
    with MlflowServer(server_folder / "mlflow") as server:
        yield server
