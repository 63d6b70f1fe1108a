"""The broker, store and registry of a stack: embedded servers, except where the environment names one by address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from deploy.ports import Ports
from deploy.server_process import LOOPBACK, Server
from deploy.servers import MlflowServer, TansuServer, ValkeyServer
from features.settings import Settings

BROKER = "tansu"
OWN_STORE = frozenset(f"MILLSTREAM_STORE__{name}" for name in ("HOST", "PORT", "CLUSTER", "SENTINELS"))


class Neighbours(NamedTuple):
    """The servers to start, and the settings that lead to them."""

    servers: tuple[Server, ...]
    overrides: Mapping[str, Mapping[str, Any]]


def choose_neighbours(settings: Settings, state_dir: Path, ports: Ports, environ: Mapping[str, str]) -> Neighbours:
    """Decide what is embedded; a neighbour that the environment names is used as it is."""
    servers: list[Server] = []
    overrides: dict[str, dict[str, Any]] = {}
    logs = state_dir / "logs"
    if not environ.keys() & OWN_STORE:
        store = ValkeyServer(
            state_dir / "store", port=ports.take("MILLSTREAM_STORE__PORT", settings.store.port), log_dir=logs
        )
        overrides["store"] = {"host": LOOPBACK, "port": store.port}
        servers.append(store)
    if "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS" not in environ:
        preferred = int(settings.kafka.bootstrap_servers.rpartition(":")[2])
        broker = TansuServer(
            state_dir / "broker", port=ports.take("MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS", preferred), log_dir=logs
        )
        overrides["kafka"] = {"bootstrap_servers": broker.bootstrap_servers}
        servers.append(broker)
    if "MILLSTREAM_REGISTRY__URI" not in environ:
        preferred = urlsplit(settings.registry.uri).port or 0
        registry = MlflowServer(
            state_dir / "mlflow", port=ports.take("MILLSTREAM_REGISTRY__URI", preferred), log_dir=logs
        )
        overrides["registry"] = {"uri": registry.uri}
        servers.append(registry)
    return Neighbours(tuple(servers), overrides)
