"""The servers of a production site, Apache Kafka and Redis, started alone on one machine for tests and benches."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from deploy.server_process import LOOPBACK, Server, free_port
from deploy.servers import ValkeyServer, answers_kafka
from features.errors import UnavailableError

KAFKA_JARS = Path("var/kafka")
FORMAT_DEADLINE_S = 60.0

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
"""
"""The last two: one that was killed is let in again only once its session is over, which by default takes 9 s."""


class KafkaServer(Server):
    """Apache Kafka in KRaft combined mode: one process is broker and controller. Needs Java 17 and the jars."""

    name = "kafka"
    ready_deadline_s = 60.0
    stop_deadline_s = 20.0

    def __init__(
        self, folder: Path, *, port: int | None = None, log_dir: Path | None = None, jvm: Sequence[str] = ()
    ) -> None:
        super().__init__(folder, port=port, log_dir=log_dir)
        self._jvm = jvm
        self._controller = free_port()
        self._jars = KAFKA_JARS.resolve()

    def prepare(self) -> None:
        """Write the configuration and, the first time, format the storage."""
        if not kafka_is_installed():
            raise UnavailableError("kafka", f"no Java, or no jars in {self._jars}; run `make servers`")
        (self.folder / "server.properties").write_text(
            PROPERTIES.format(host=LOOPBACK, port=self.port, controller=self._controller, folder=self.folder)
        )
        if (self.folder / "data" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        subprocess.run(
            [*self._java("kafka.tools.StorageTool"), "format", f"--cluster-id={cluster}", "-c", "server.properties"],
            cwd=self.folder,
            check=True,
            capture_output=True,
            timeout=FORMAT_DEADLINE_S,
        )

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (*self._java("kafka.Kafka"), "server.properties")

    def is_ready(self) -> bool:
        """Answers a metadata request."""
        return answers_kafka(self.port)

    @property
    def bootstrap_servers(self) -> str:
        """How a client reaches it."""
        return self.address

    def _java(self, main: str) -> tuple[str, ...]:
        return ("java", "-Xmx512m", *self._jvm, "-cp", f"{self._jars}/*", main)


class RedisServer(ValkeyServer):
    """Redis itself, as Debian packages it, with the options of the embedded store."""

    name = "redis"

    def program(self) -> str:
        """Path of redis-server."""
        found = shutil.which("redis-server")
        if found is None:
            raise UnavailableError("redis", "there is no redis-server on PATH; run `make servers`")
        return found


def kafka_is_installed(jars: Path = KAFKA_JARS) -> bool:
    """Whether Java and Kafka's jars are here."""
    return shutil.which("java") is not None and any(jars.glob("kafka_2.13-*.jar"))


def redis_is_installed() -> bool:
    """Whether a redis-server is on PATH."""
    return shutil.which("redis-server") is not None
