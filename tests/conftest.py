"""Real servers, one of each for the whole session; a test that hurts a server starts its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import prometheus_client  # noqa: F401 - before Feast, which would have it count into files: tests read values at once
import pytest
import structlog
from hypothesis import settings

from deploy.production_servers import kafka_is_installed, redis_is_installed
from deploy.servers import MlflowServer, TansuServer, ValkeyServer
from features import kernels
from features.dask_cluster import open_cluster
from features.settings import DaskSettings
from tests.redis_servers import RedisCluster, RedisSentinel, TlsRedisServer

if TYPE_CHECKING:
    from distributed import Client

pytest_plugins = ["tests.processes"]

NO_FAIL_OVER_MS = 600_000
IN_CI = os.environ.get("CI") == "true"

# a busy machine may take its time over an example
settings.register_profile("any machine", settings.default, deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="module")
def metrics_of_one_process() -> None:
    """Whatever a module's fixtures count is in this process, though Feast may have been imported."""
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """What a test does to the whole process ends with it: how it logs, and what Feast's import tells Prometheus."""
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


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
def dask_cluster() -> Iterator[Client]:
    """A Dask cluster of two worker processes, shared."""
    with open_cluster(DaskSettings(workers=2)) as client:
        yield client


@pytest.fixture(scope="session")
def redis_with_tls(server_folder: Path) -> Iterator[TlsRedisServer]:
    """A Redis with TLS and password, shared and flushed."""
    with TlsRedisServer(server_folder / "tls") as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(server_folder: Path) -> Iterator[RedisCluster]:
    """Three masters, shared and flushed."""
    with RedisCluster(server_folder / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def redis_sentinel(server_folder: Path) -> Iterator[RedisSentinel]:
    """Master, replica and Sentinel, shared and flushed; nothing fails over here."""
    with RedisSentinel(server_folder / "sentinel", NO_FAIL_OVER_MS) as guarded:
        yield guarded


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs Apache Kafka and Redis where they are not."""
    if kafka_is_installed() and redis_is_installed():
        return
    for item in items:
        if item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.skip(reason="needs Java, Kafka's jars and redis-server: make servers"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On a machine made for tests nothing may be skipped."""
    if IN_CI and skipped_in(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why a run without failures failed."""
    if IN_CI and (n_skipped := skipped_in(config)):
        terminalreporter.write_line(f"CI=true and {n_skipped} tests were skipped: that is a failure", red=True)


def skipped_in(config: pytest.Config) -> int:
    """How many tests were skipped."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if isinstance(reporter, pytest.TerminalReporter) else 0


@pytest.fixture(params=kernels.KERNELS, scope="module")
def every_kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test once with each kernel as the one that is opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "KERNEL", request.param)
        yield request.param
