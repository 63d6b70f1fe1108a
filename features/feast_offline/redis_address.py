"""Feast's configuration of its Redis store → where the store is, for the engine's own client."""

from __future__ import annotations

from typing import Any

from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig, RedisType

from features.errors import DomainError
from features.settings import StoreSettings

_NAMES = {
    "db": "database",
    "username": "username",
    "password": "password",
    "ssl": "tls",
    "ssl_ca_certs": "ca_file",
    "ssl_certfile": "cert_file",
    "ssl_keyfile": "key_file",
}
"""Options of a connection string that say where and who, and our names of them; others tune Feast's client."""


def store_settings(online_store: Any) -> StoreSettings:
    """The server, cluster or Sentinels that Feast would connect to; DomainError where it is no Redis."""
    if not isinstance(online_store, RedisOnlineStoreConfig):
        raise DomainError("feature_store.yaml: online_store", "is not Redis", "set type: redis and connection_string")
    nodes, options = RedisOnlineStore._parse_connection_string(online_store.connection_string)
    found: dict[str, Any] = {ours: options[theirs] for theirs, ours in _NAMES.items() if theirs in options}
    found |= {
        name: str(found[name]) for name in ("username", "password") if name in found
    }  # Feast reads 123 as a number
    addresses = ",".join(f"{node['host']}:{node['port']}" for node in nodes)
    if online_store.redis_type == RedisType.redis_cluster:
        return StoreSettings(cluster=addresses, **found)
    if online_store.redis_type == RedisType.redis_sentinel:
        return StoreSettings(sentinels=addresses, sentinel_service=online_store.sentinel_master, **found)
    return StoreSettings(host=nodes[0]["host"], port=int(nodes[0]["port"]), **found)
