"""Settings of the online store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, model_validator

from features.settings.part import Part


class StoreSettings(Part):
    """Where the online store is."""

    host: str = Field(
        default="127.0.0.1",
        description="Host of the Redis or Valkey server; one that begins with a slash is a unix socket.",
    )
    port: int = Field(default=6379, ge=1, le=65535, description="Its port.")
    cluster: str | None = Field(
        default=None,
        description="Some nodes of a Redis Cluster, host:port, separated by commas; the others are asked for.",
    )
    sentinels: str | None = Field(
        default=None, description="Addresses of Redis Sentinels, host:port, separated by commas, which name the server."
    )
    sentinel_service: str = Field(default="mymaster", description="Name that the Sentinels know the server by.")
    sentinel_password: SecretStr | None = Field(default=None, description="Password of the Sentinels; none by default.")
    database: int = Field(default=0, ge=0, description="Its database number; a Redis Cluster has 0 only.")
    username: str | None = Field(default=None, description="Its user (ACL); none: the default user.")
    password: SecretStr | None = Field(default=None, description="Its password; none by default.")
    tls: bool = Field(default=False, description="Whether its port speaks TLS.")
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities that its certificate is trusted by; none: the system's."
    )
    cert_file: Path | None = Field(
        default=None, description="PEM file of a client certificate, where the server asks for one."
    )
    key_file: Path | None = Field(default=None, description="PEM file of that certificate's key, not encrypted.")
    timeout_s: float = Field(default=5.0, gt=0, description="How long a call to it may take.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse what contradicts itself."""
        if self.cluster is not None and self.sentinels is not None:
            raise ValueError("cluster and sentinels exclude each other: set one of them")
        if self.cluster is not None and self.database:
            raise ValueError("a Redis Cluster has no database but 0")
        if self.username is not None and self.password is None:
            raise ValueError("username needs a password")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file come together")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError("ca_file and cert_file are given but tls is off: the connection would not be encrypted")
        for address in (*addresses(self.cluster), *addresses(self.sentinels)):
            if not re.fullmatch(r".+:\d{1,5}", address):
                raise ValueError(f"{address!r} is no address: write host:port, separated by commas")
        return self

    @property
    def cluster_nodes(self) -> tuple[Self, ...]:
        """Where the nodes of the cluster that are named are; empty where the store is none."""
        return tuple(self.at(*split_address(address)) for address in addresses(self.cluster))

    @property
    def sentinel_nodes(self) -> tuple[Self, ...]:
        """Where the Sentinels are: with a password of their own, and no user or database."""
        own: dict[str, Any] = {"username": None, "password": self.sentinel_password, "database": 0}
        return tuple(self.at(*split_address(address), **own) for address in addresses(self.sentinels))

    def at(self, host: str, port: int, **others: Any) -> Self:
        """The same for one server there."""
        return self.model_copy(update={"host": host, "port": port, "cluster": None, "sentinels": None, **others})


def addresses(text: str | None) -> tuple[str, ...]:
    """The addresses in a list with commas."""
    return tuple(address.strip() for address in (text or "").split(",") if address.strip())


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``; an IPv6 host may stand in brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
