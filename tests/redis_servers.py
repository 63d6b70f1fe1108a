"""Redis as production sites run it: with TLS and a password, as a cluster, and watched over by a Sentinel."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.production_servers import RedisServer, redis_is_installed
from deploy.server_process import LOOPBACK, free_port
from features.settings import StoreSettings
from tests.waiting import wait_until

PASSWORD = "sesame"
USER, ADMIN = "millstream", "admin"
COMMANDS = (
    *("HGET", "HMGET", "HSET", "HGETALL", "HKEYS", "HEXISTS", "HDEL", "EXPIRE", "PERSIST", "SCAN", "DEL"),
    *("INFO", "BGREWRITEAOF", "BGSAVE"),
    *("EVAL", "EVALSHA", "SCRIPT|LOAD"),
)
"""What docs/operations.md says that our user needs."""
SERVICE = "features"
N_SLOTS = 16_384

needs_redis = pytest.mark.skipif(not redis_is_installed(), reason="no redis-server on PATH: make servers")


@contextmanager
def client_of(server: RedisServer, **options: Any) -> Iterator[redis.Redis]:
    """An ordinary client."""
    client = redis.Redis(host=server.host, port=server.port, **options)
    try:
        yield client
    finally:
        client.close()


class Authority:
    """Signs certificates, which lie as PEM files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
        certificate = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.ca_file = self._write("ca.pem", certificate.sign(self._key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for a server on the loopback, or for its client."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
        certificate = self._builder(subject, key).add_extension(alternative, False)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key_file = self._folder / f"{name}.key"
        key_file.write_bytes(pem)
        return self._write(f"{name}.pem", certificate.sign(self._key, hashes.SHA256())), key_file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(authority, False)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self._folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


class TlsRedisServer(RedisServer):
    """Redis that speaks TLS on its port, plain on another, to a user with the rights that it needs, and an admin."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.plain_port = free_port()
        self.authority = Authority(self.folder / "pki")
        self._certificate, self._key = self.authority.issue("server")

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        ours = ("on", f">{PASSWORD}", "~*", *(f"+{command.lower()}" for command in COMMANDS))
        return (
            *super().command(),
            *("--port", str(self.plain_port), "--tls-port", str(self.port), "--tls-auth-clients", "optional"),
            *("--tls-cert-file", str(self._certificate), "--tls-key-file", str(self._key)),
            *("--tls-ca-cert-file", str(self.authority.ca_file)),
            *("--user", "default", "off", "~*", "&*", "+@all", "--user", USER, *ours, "--appendfsync", "always"),
            *("--user", ADMIN, "on", f">{PASSWORD}", "~*", "+@all"),
        )

    def is_ready(self) -> bool:
        """Answers PING to its user."""
        try:
            with client_of(self, **self.options) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    @property
    def options(self) -> dict[str, Any]:
        """How redis-py reaches it, as the admin."""
        return {"username": ADMIN, "password": PASSWORD, "ssl": True, "ssl_ca_certs": str(self.authority.ca_file)}

    @property
    def settings(self) -> StoreSettings:
        """How a client reaches it."""
        return StoreSettings(
            host=LOOPBACK, port=self.port, username=USER, password=PASSWORD, tls=True, ca_file=self.authority.ca_file
        )

    @property
    def admin_settings(self) -> StoreSettings:
        """How a client reaches it that may do everything."""
        return self.settings.model_copy(update={"username": ADMIN})


class ClusterNode(RedisServer):
    """One node of a cluster."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bus_port = free_port()

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (
            *super().command(),
            *("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port), "--cluster-node-timeout", "2000"),
            *("--cluster-allow-replica-migration", "no", "--appendfsync", "always"),
        )


class RedisCluster:
    """Masters without replicas, which share the slots evenly."""

    def __init__(self, folder: Path, n_masters: int = 3) -> None:
        self.nodes = [ClusterNode(folder / f"node-{n}") for n in range(n_masters)]

    @property
    def settings(self) -> StoreSettings:
        """How a client reaches it: by one node that is there and one that never was."""
        return StoreSettings(cluster=f"{LOOPBACK}:1, {self.nodes[-1].address}")

    def __enter__(self) -> Self:
        """Start the nodes and make them a cluster."""
        try:
            for node in self.nodes:
                node.start()
            bounds = [N_SLOTS * n // len(self.nodes) for n in range(len(self.nodes) + 1)]
            for n, node in enumerate(self.nodes):
                with client_of(node) as client:
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[n], bounds[n + 1] - 1)
                    client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            self.meet()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the nodes."""
        self.stop()

    def move(self, slot: int, source: ClusterNode, target: ClusterNode, *, finish: bool = True) -> None:
        """Move a slot with its keys, as redis-cli does it; unfinished, its keys are gone but not its ownership."""
        with client_of(source) as of_source, client_of(target) as of_target:
            giver, taker = (client.execute_command("CLUSTER", "MYID").decode() for client in (of_source, of_target))
            of_target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", giver)
            of_source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", taker)
            while keys := of_source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                of_source.execute_command("MIGRATE", target.host, target.port, "", 0, 5_000, "KEYS", *keys)
        for node in self.nodes if finish else ():
            with client_of(node) as client:
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", taker)

    def meet(self) -> None:
        """Make all nodes known to the first, and return once all agree."""
        with client_of(self.nodes[0]) as client:
            for node in self.nodes[1:]:
                client.execute_command("CLUSTER", "MEET", node.host, node.port, node.bus_port)
        wait_until(self.is_whole, 30, "a whole cluster")

    def is_whole(self) -> bool:
        """Whether every node knows all of them and all slots."""
        return all(self._is_content(node) for node in self.nodes)

    def start(self) -> None:
        """Start what was stopped."""
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait_ready()
        wait_until(self.is_whole, 30, "a whole cluster")

    def stop(self) -> None:
        """End all nodes at once."""
        for node in self.nodes:
            node.kill()

    def _is_content(self, node: ClusterNode) -> bool:
        with client_of(node) as client:
            info = client.execute_command("CLUSTER", "INFO").split()
        return b"cluster_state:ok" in info and b"cluster_known_nodes:%d" % len(self.nodes) in info


class ReplicaServer(RedisServer):
    """A replica, which reaches its master as a user that can be shut out."""

    def __init__(self, folder: Path, master: RedisServer) -> None:
        super().__init__(folder)
        self._master = master

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (
            *super().command(),
            *("--replicaof", self._master.host, str(self._master.port), "--repl-diskless-sync-delay", "0"),
            *("--masteruser", "replica", "--masterauth", PASSWORD),
        )


class MasterServer(RedisServer):
    """A master that knows the replica's user."""

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        rights = ("on", f">{PASSWORD}", "+psync", "+replconf", "+ping")
        return (
            *super().command(),
            *("--repl-diskless-sync-delay", "0", "--appendfsync", "always"),
            "--user",
            "replica",
            *rights,
        )


class SentinelServer(RedisServer):
    """A Sentinel that decides alone."""

    name = "sentinel"

    def __init__(self, folder: Path, master: RedisServer, down_after_ms: int) -> None:
        super().__init__(folder)
        self._master = master
        self._down_after_ms = down_after_ms

    def prepare(self) -> None:
        """Write its configuration, which it keeps writing to itself."""
        path = self.folder / "sentinel.conf"
        if not path.exists():
            path.write_text(
                f"port {self.port}\nbind {LOOPBACK}\ndir {self.folder}\n"
                f"sentinel monitor {SERVICE} {self._master.host} {self._master.port} 1\n"
                f"sentinel down-after-milliseconds {SERVICE} {self._down_after_ms}\n"
                f"sentinel failover-timeout {SERVICE} 10000\n"
            )

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (self.program(), str(self.folder / "sentinel.conf"), "--sentinel")


class RedisSentinel:
    """A master, its replica, and a Sentinel that holds the master for dead after that time."""

    def __init__(self, folder: Path, down_after_ms: int) -> None:
        self.master = MasterServer(folder / "master")
        self.replica = ReplicaServer(folder / "replica", self.master)
        self.sentinel = SentinelServer(folder / "sentinel", self.master, down_after_ms)

    @property
    def settings(self) -> StoreSettings:
        """How a client reaches it: by a Sentinel that is there and one that never was."""
        return StoreSettings(sentinels=f"{LOOPBACK}:1,{self.sentinel.address}", sentinel_service=SERVICE)

    def __enter__(self) -> Self:
        """Start all, and return once the Sentinel knows the replica and that it follows."""
        try:
            for server in (self.master, self.replica, self.sentinel):
                server.start()
            wait_until(self.is_guarded, 30, "a replica that follows")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop all."""
        self.stop()

    def stop(self) -> None:
        """End all at once."""
        for server in (self.sentinel, self.replica, self.master):
            server.kill()

    def is_guarded(self) -> bool:
        """Whether the Sentinel could fail over now."""
        with client_of(self.sentinel, decode_responses=True) as client:
            replicas = client.sentinel_slaves(SERVICE)
        return [replica["master-link-status"] for replica in replicas] == ["ok"]

    def shut_replica_out(self) -> None:
        """Let the replica lag from now on."""
        with client_of(self.master) as client:
            client.execute_command("ACL", "SETUSER", "replica", "off")
            client.execute_command("CLIENT", "KILL", "TYPE", "replica")

    def fail_over(self) -> None:
        """Have the Sentinel depose the living master, and return once the replica is master."""
        wait_until(self._begins_fail_over, 30, "the Sentinel to find the replica good enough")
        wait_until(self.replica_is_master, 30, "a fail-over")

    def _begins_fail_over(self) -> bool:
        """Whether the Sentinel has taken the order; not while it has not heard from the replica for some seconds."""
        try:
            with client_of(self.sentinel) as client:
                client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        except redis.ResponseError as error:
            if "NOGOODSLAVE" not in str(error):
                raise
            return False
        return True

    def replica_is_master(self) -> bool:
        """Whether the fail-over has come to its end."""
        with client_of(self.replica) as client:
            if client.execute_command("ROLE")[0] != b"master":
                return False
        with client_of(self.sentinel, decode_responses=True) as client:
            return client.sentinel_get_master_addr_by_name(SERVICE) == (self.replica.host, self.replica.port)
