"""The servers that Millstream starts itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.port_claims import port_claims
from deploy.server_process import Server, free_port, inherited, port_is_free
from deploy.servers import MlflowServer, TansuServer, ValkeyServer, answers_redis
from features.errors import UnavailableError
from tests.alive import is_alive
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


def test_a_stopped_store_keeps_what_it_was_told(tmp_path: Path) -> None:
    """Stopped and started again, the store is at the same port with the same data."""
    with ValkeyServer(tmp_path) as server:
        port = server.port
        with redis.Redis(port=port) as client:
            client.set("key", "value")
        server.restart()
        assert server.port == port
        with redis.Redis(port=port) as client:
            assert client.get("key") == b"value"
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert not server.is_running
    assert port_is_free(port)


def test_a_killed_store_leaves_its_port_and_can_be_started_again(tmp_path: Path) -> None:
    """`kill` ends it at once; `start` brings it back."""
    with ValkeyServer(tmp_path) as server:
        server.kill()
        assert not server.is_running
        assert not answers_redis(server.port)
        server.start()
        assert server.is_ready()


def test_a_paused_store_does_not_answer_until_resumed(tmp_path: Path) -> None:
    """SIGSTOP leaves connections open and unanswered, as a stalled machine does."""
    with ValkeyServer(tmp_path) as server, socket.create_connection((server.host, server.port), 5) as connection:
        server.pause()
        connection.settimeout(0.2)
        connection.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(16)
        server.resume()
        connection.settimeout(5)
        assert connection.recv(16) == b"+PONG\r\n"


def test_a_restarted_broker_has_forgotten_its_log(tmp_path: Path) -> None:
    """Tansu is memory only: after a restart the topic is gone, and made anew it has another id."""
    with TansuServer(tmp_path) as server:
        first = make_topic(server)
        server.restart()
        assert make_topic(server) != first


def make_topic(server: TansuServer) -> str:
    admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
    assert "t" not in admin.list_topics(timeout=5).topics
    admin.create_topics([NewTopic("t", 2, 1)])["t"].result(10)
    return str(admin.describe_topics(TopicCollection(["t"]))["t"].result(10).topic_id)


@pytest.mark.slow
def test_the_registry_answers_and_stops(mlflow_server: MlflowServer) -> None:
    """MLflow answers its health page on the address that clients are given."""
    assert mlflow_server.is_ready()
    assert mlflow_server.uri == f"http://127.0.0.1:{mlflow_server.port}"


class FailingServer(Server):
    """A program that says why and ends."""

    name = "failing"

    def command(self) -> tuple[str, ...]:
        return ("sh", "-c", "echo no such luck; exit 3")

    def is_ready(self) -> bool:
        return False


class DeafServer(FailingServer):
    """A program that runs, ignores SIGTERM and never answers; its child outlives it."""

    ready_deadline_s = 0.2
    stop_deadline_s = 0.3

    def command(self) -> tuple[str, ...]:
        return ("sh", "-c", "trap '' TERM; sleep 300 & echo $! > made; mv made child; wait; wait")

    def spawn(self) -> None:
        super().spawn()
        wait_until(lambda: (self.folder / "child").exists(), what="the shell to have started")


def test_a_server_that_ends_while_starting_is_reported_with_its_log(tmp_path: Path) -> None:
    """The error carries the last lines of the log."""
    with pytest.raises(UnavailableError, match="no such luck"):
        FailingServer(tmp_path).start()


def test_a_server_that_never_answers_is_killed_with_its_children(tmp_path: Path) -> None:
    """Past the deadline nothing of it is left."""
    server = DeafServer(tmp_path)
    with pytest.raises(UnavailableError, match="not ready after"):
        server.start()
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not is_alive(child), what="the child to be gone")


def test_stop_escalates_to_kill(tmp_path: Path) -> None:
    """A server that ignores SIGTERM is killed after its deadline."""
    server = DeafServer(tmp_path)
    server.spawn()
    begun = time.monotonic()
    server.stop()
    assert not server.is_running
    assert time.monotonic() - begun < 5


def test_a_taken_port_is_not_given_away() -> None:
    """The preferred port where it is free, another where it is not; none that was given away before."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    free = free_port()
    assert port_is_free(free)
    assert free_port(free) != free
    port_claims().let_go(free)
    assert free_port(free) == free


def test_a_port_of_another_process_is_not_given_away() -> None:
    """Nothing listens on it yet, but that process has been given it; once it is dead, however it died, others may."""
    chooser = "from deploy.server_process import free_port; print(free_port(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", chooser], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        assert port_is_free(port)
        assert free_port(port) != port
        other.kill()
    assert free_port(port) == port


def test_a_child_does_not_inherit_what_feast_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing Feast tells prometheus_client to count into files of that process; children have pages of their own."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")
    monkeypatch.setenv("MILLSTREAM_VAR", "kept")
    environment = inherited()
    assert "PROMETHEUS_MULTIPROC_DIR" not in environment
    assert environment["MILLSTREAM_VAR"] == "kept"
