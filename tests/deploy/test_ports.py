"""Ports of a stack, and what it starts beside the neighbours that the environment names."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.neighbours import choose_neighbours
from deploy.port_claims import port_claims
from deploy.ports import Ports
from deploy.server_process import free_port
from features.errors import SettingsError
from features.settings import KafkaSettings, Settings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def free() -> int:
    """A port that nobody has."""
    port = free_port()
    port_claims().let_go(port)
    return port


@pytest.fixture
def opened() -> Iterator[Callable[[Ports], Ports]]:
    """Lets go of the ports in the end."""
    with ExitStack() as stack:

        def keep(ports: Ports) -> Ports:
            stack.callback(ports.close)
            return ports

        yield keep


def test_a_taken_port_is_replaced(taken: int, free: int, opened: Callable[[Ports], Ports]) -> None:
    """No port is given twice."""
    ports = opened(Ports({}))
    given = [ports.take("MILLSTREAM_SCORER__PORT", taken) for _ in range(5)] + [ports.take("", 0)]
    assert taken not in given
    assert len(set(given)) == len(given)
    assert opened(Ports({})).take("MILLSTREAM_SCORER__PORT", free) == free


def test_two_stacks_that_start_together_get_different_ports(free: int, opened: Callable[[Ports], Ports]) -> None:
    """Nothing listens on either port yet; a stack that has gone has let go of its own."""
    one, other = opened(Ports({})), opened(Ports({}))
    assert one.take("", free) == free
    assert other.take("", free) != free
    one.close()
    assert opened(Ports({})).take("", free) == free


def test_a_port_that_was_asked_for_is_not_replaced(taken: int, opened: Callable[[Ports], Ports]) -> None:
    """Whoever names a port means it."""
    with pytest.raises(SettingsError, match=f"MILLSTREAM_SCORER__PORT: port {taken} is taken"):
        opened(Ports({"MILLSTREAM_SCORER__PORT": str(taken)})).take("MILLSTREAM_SCORER__PORT", taken)


@pytest.mark.parametrize(
    ("environ", "started"),
    [
        ({}, ["valkey", "tansu", "mlflow"]),
        ({"MILLSTREAM_STORE__HOST": "redis"}, ["tansu", "mlflow"]),
        ({"MILLSTREAM_STORE__CLUSTER": "redis-1:6379,redis-2:6379"}, ["tansu", "mlflow"]),
        ({"MILLSTREAM_STORE__SENTINELS": "guard-1:26379"}, ["tansu", "mlflow"]),
        ({"MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": "kafka-1:9092,kafka-2:9092"}, ["valkey", "mlflow"]),
        ({"MILLSTREAM_REGISTRY__URI": "http://mlflow:5000"}, ["valkey", "tansu"]),
    ],
)
def test_a_neighbour_that_is_named_is_not_started(
    tmp_path: Path, opened: Callable[[Ports], Ports], environ: dict[str, str], started: list[str]
) -> None:
    """Only what was started is passed on to the other processes."""
    settings = Settings(kafka=KafkaSettings(bootstrap_servers="kafka-1:9092,kafka-2:9092"))
    servers, overrides = choose_neighbours(settings, tmp_path, opened(Ports(environ)), environ)
    assert [server.name for server in servers] == started
    parts = {"valkey": "store", "tansu": "kafka", "mlflow": "registry"}
    assert list(overrides) == [parts[name] for name in started]
