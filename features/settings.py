"""One typed, frozen settings tree, read in this file only; each room is handed its part.

Sources, strongest first: environment (``MILLSTREAM_`` with ``__`` between levels), files of the folder that
``MILLSTREAM_SECRETS`` names, the running stack's own addresses (``var/<project>/stack.json``, written by
``millstream up``), the defaults here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from features.errors import SettingsError

PREFIX = "MILLSTREAM_"
SECRETS = f"{PREFIX}SECRETS"


class Part(BaseModel):
    """Shape shared by the parts of the tree."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Part):
    """Where the broker is, and how topics that the stack creates are laid out."""

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Addresses of the Kafka brokers, host:port, separated by commas."
    )
    partitions: int = Field(default=4, ge=1, description="Partitions of the topics that `millstream up` creates.")


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


class LakeSettings(Part):
    """Where the event lake is and how often it is written. ``url`` None means ``lake/`` in the state folder."""

    url: str | None = Field(
        default=None, description="Folder or object-store URL of the lake; none: `lake/` in the state folder."
    )
    flush_rows: int = Field(default=50_000, ge=1, description="Rows of a partition after which a lake file is written.")
    flush_ms: int = Field(
        default=1_000,
        ge=0,
        description="Time after which a lake file is written in any case, and progress marked; 0: with each batch.",
    )
    scores_retention_days: int | None = Field(
        default=None,
        ge=1,
        description="Days that score records stay in the lake, for `millstream forget --expired`; none: for ever.",
    )
    erasure_key: SecretStr | None = Field(
        default=None,
        description="Secret of 64 hexadecimal digits under which forgotten entities are known; none: `erasure.key` in "
        "the state folder, which the first `millstream forget` makes.",
    )


class RegistrySettings(Part):
    """Where MLflow is, and how often model sync asks it."""

    uri: str = Field(default="http://127.0.0.1:5000", description="Address of the MLflow server.")
    poll_s: float = Field(default=1.0, gt=0, description="How often model sync asks it who serves.")


class SchemaRegistrySettings(Part):
    """Where the schema registry is, for topics whose records name their schema (``wire: confluent``)."""

    url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Address of the schema registry, http or https; none by default.",
    )
    username: str | None = Field(default=None, description="User name, or API key, that it is asked with.")
    password: SecretStr | None = Field(default=None, description="The password, or API secret, to it.")
    timeout_s: float = Field(default=5.0, gt=0, description="How long a call to it may take.")


class WorkerSettings(Part):
    """The stream processor."""

    metrics_port: int = Field(
        default=9101, ge=0, le=65535, description="Port of the worker's pages /metrics, /healthz, /readyz, /positions."
    )
    web_port: int = Field(default=6066, ge=0, le=65535, description="Port of Faust's own pages; 0 switches them off.")
    cache_bytes: ByteSize = Field(
        default=ByteSize(512 * 2**20),
        ge=1,
        description="Memory for the states that a worker keeps, such as 512MiB, in equal parts for its views.",
    )
    coalesce_feast_fields: bool = Field(
        default=False,
        description="Write Feast's own fields of an entity once for each lake file, before progress is marked, and not"
        " with each state: what Feast's clients see is older by that. Scorers look at states.",
    )
    chunk_entities: int = Field(default=100, ge=1, description="Entities that are written to the store in one call.")
    stall_s: float = Field(
        default=60.0,
        gt=0,
        description="Time without progress, all neighbours up, after which the watchdog ends the worker.",
    )


class TlsSettings(Part):
    """TLS of the scorer's port. Without a certificate it is plain."""

    certificate: Path | None = Field(
        default=None, description="PEM file of the scorer's certificate, followed by those that it leads to."
    )
    key: Path | None = Field(default=None, description="PEM file of that certificate's key, not encrypted.")
    client_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities whose certificates callers must show (mTLS); none: they show none.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse what contradicts itself."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("client_ca needs a certificate: without TLS nobody shows one")
        return self


class AuthSettings(Part):
    """Who may call the scorer. With neither API keys nor tokens everybody may call everything."""

    api_keys: Path | None = Field(
        default=None, description="File of API keys, hashed, as `millstream key` writes it; followed while running."
    )
    jwt_key: Path | None = Field(
        default=None,
        description="File of what tokens (JWT) are proven by, a PEM public key, a JWKS, or a shared secret; followed.",
    )
    jwt_algorithm: Literal["RS256", "ES256", "HS256"] = Field(
        default="RS256", description="The one algorithm that tokens may be signed by."
    )
    jwt_issuer: str | None = Field(default=None, description="Who must have issued a token (`iss`).")
    jwt_audience: str | None = Field(default=None, description="Whom a token must be meant for (`aud`).")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse tokens that anybody's issuer could have made for anybody."""
        if self.jwt_key is not None and (self.jwt_issuer is None or self.jwt_audience is None):
            raise ValueError("jwt_key needs jwt_issuer and jwt_audience")
        return self

    @property
    def required(self) -> bool:
        """Whether callers must prove who they are."""
        return self.api_keys is not None or self.jwt_key is not None


class ScorerSettings(Part):
    """The gRPC scorer."""

    tls: TlsSettings = TlsSettings()
    auth: AuthSettings = AuthSettings()

    host: str = Field(default="127.0.0.1", description="Address that the scorer listens on.")
    port: int = Field(default=50051, ge=0, le=65535, description="Its gRPC port; 0 takes a free one.")
    rest: bool = Field(default=True, description="Whether the REST gateway answers beside gRPC.")
    rest_port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 takes a free one.")
    metrics_port: int = Field(
        default=9102,
        ge=0,
        le=65535,
        description="Port of its page /metrics; of several processes each has its own, a hundred above the one before.",
    )
    processes: int = Field(
        default=1,
        ge=1,
        description="Processes that share the port, each with models of its own; more than one on Linux only.",
    )
    max_connections: int = Field(
        default=4_096,
        ge=2,
        description="gRPC connections that one process has at most, half of them from one address; fewer where it may"
        " not open as many files.",
    )
    max_connection_idle_s: float | None = Field(
        default=None, gt=0, description="Time without a call after which a connection is taken leave of; none: never."
    )
    max_connection_age_s: float | None = Field(
        default=None,
        gt=0,
        description="Age at which a connection is taken leave of, a fifth sooner or later, so that its client spreads"
        " its calls anew; none: never.",
    )
    record_queue: int = Field(
        default=100_000,
        ge=1,
        description="Score records that may wait for the broker; what does not fit is dropped and counted.",
    )
    max_batch_rows: int = Field(default=10_000, ge=1, description="Most rows of one ScoreBatch call.")
    max_message_bytes: ByteSize = Field(
        default=ByteSize(64 * 2**20), ge=1024, description="Largest message that is taken, such as 64MiB."
    )
    score_cache: bool = Field(
        default=False,
        description="Answer with a score of before where model, states and request are the same. States are read for"
        " each request, so no score is of events that were overtaken.",
    )
    score_cache_s: float = Field(default=300.0, gt=0, description="For how long such a score answers.")
    score_cache_rows: int = Field(default=10_000, ge=1, description="How many such scores are kept.")
    max_in_flight: int = Field(
        default=1_000, ge=1, description="Calls that one process has in hand at most; more are refused at once."
    )
    rate_limit_per_s: float | None = Field(
        default=None,
        gt=0,
        description="Calls a second, and messages of streams, that one client may send one process; none: any number.",
    )
    rate_limit_burst: int = Field(default=100, ge=1, description="Calls that a client may make at once before that.")
    fetch_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Part of the time that a call has left which its read of the store may take.",
    )
    store_down: Literal["fail", "default"] = Field(
        default="fail",
        description="What a score is without the store, where its model does not say: refused, or made of what stands"
        " for missing features.",
    )
    admin: bool | None = Field(
        default=None,
        description="Whether methods of group `admin`, such as reflection, are served; none: while everybody may call.",
    )

    @property
    def serves_admin(self) -> bool:
        """Whether methods of group `admin` are served."""
        return not self.auth.required if self.admin is None else self.admin


class MonitorSettings(Part):
    """The drift watcher. ``window_rows`` is the size of the windows that the tests compare."""

    metrics_port: int = Field(
        default=9103, ge=0, le=65535, description="Port of the monitor's pages /metrics, /healthz, /readyz."
    )
    window_rows: int = Field(default=2_000, ge=100, description="Score records in one window that is tested for drift.")
    false_discovery_rate: float = Field(
        default=0.01, gt=0, lt=1, description="Share of false alarms among alarms (Benjamini-Hochberg)."
    )
    min_effect: float = Field(default=0.1, gt=0, description="Least effect size that is worth an alarm.")
    spot_check_s: float = Field(
        default=600.0, ge=0, description="How often a sample of entities is verified from the lake; 0: never."
    )
    spot_check_keys: int = Field(default=20, ge=1, description="Entities of each such sample.")


class DaskSettings(Part):
    """The cluster of ``--engine dask``."""

    address: str | None = Field(
        default=None,
        description="Address of a Dask scheduler, tcp://host:port; none: a cluster of processes on this machine.",
    )
    workers: int | None = Field(
        default=None, ge=1, description="Processes of the cluster on this machine; none: one a core."
    )
    timeout_s: float = Field(default=10.0, gt=0, description="How long the scheduler may take to answer.")


class TracingSettings(Part):
    """Traces to an OpenTelemetry collector; ``endpoint`` None switches them off."""

    endpoint: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Address of an OpenTelemetry collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; "
        "none: no traces.",
    )
    sample: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of the events and calls that begin a trace which is recorded; one that comes with a trace "
        "of its caller follows that.",
    )


class LogSettings(Part):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    json_lines: bool = Field(default=True, description="JSON lines for machines, or lines for people.")


class Settings(BaseSettings):
    """Everything that may be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    repo: Path = Field(default=Path("feature_repo"), description="The domain folder.")
    secrets: Path | None = Field(
        default=None,
        description="Folder of files that are named like settings and hold their values, such as mounted secrets.",
    )
    var: Path = Field(default=Path("var"), description="Folder of all state; each domain has its own folder in it.")
    kafka: KafkaSettings = KafkaSettings()
    store: StoreSettings = StoreSettings()
    lake: LakeSettings = LakeSettings()
    registry: RegistrySettings = RegistrySettings()
    schema_registry: SchemaRegistrySettings = SchemaRegistrySettings()
    worker: WorkerSettings = WorkerSettings()
    scorer: ScorerSettings = ScorerSettings()
    monitor: MonitorSettings = MonitorSettings()
    dask: DaskSettings = DaskSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then secret files, before the stack's addresses, which are passed as init values."""
        files = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=os.environ.get(SECRETS),
            secrets_dir_missing="error",
            secrets_nested_delimiter="__",
        )
        return env_settings, files, init_settings

    def state_dir(self, project: str) -> Path:
        """Folder of one domain's disposable state: plan, lake, store dump, registry, models, logs."""
        return self.var / project

    def lake_url(self, project: str) -> str:
        """Where the lake of one domain is."""
        return self.lake.url or str(self.state_dir(project) / "lake")


def load_settings(*, project: str | None = None, repo: Path | None = None, var: Path | None = None) -> Settings:
    """Read environment and, where a stack of this project runs, its addresses.

    ``repo`` and ``var`` (command-line options) win over both. Raises SettingsError for a misspelt name or a
    value out of range.
    """
    refuse_unknown_names(os.environ)
    if folder := os.environ.get(SECRETS):
        refuse_unknown_names(file.name for file in Path(folder).glob(f"{PREFIX}*"))
    try:
        settings = Settings()
        explicit = {name: value for name, value in (("repo", repo), ("var", var)) if value is not None}
        if explicit:
            settings = settings.model_copy(update=explicit)
        if project is None:
            return settings
        running = read_stack_addresses(settings.state_dir(project) / "stack.json")
        return Settings(**running).model_copy(update={"repo": settings.repo, "var": settings.var})
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        problem = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(name, problem, "see docs/settings.md") from None  # its text shows what was set, secrets too
    except SourceError as error:
        raise SettingsError(SECRETS, str(error), "name a folder of files named like settings") from error


def read_stack_addresses(path: Path) -> dict[str, Any]:
    """The ``settings`` part of a running stack's ``stack.json``; empty when none runs."""
    try:
        return dict(msgspec.json.decode(path.read_bytes(), type=dict[str, Any]).get("settings", {}))
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise SettingsError(str(path), f"is not readable ({error})", "remove it, or run `millstream down`") from error


def refuse_unknown_names(names: Iterable[str]) -> None:
    """Raise SettingsError for a ``MILLSTREAM_`` name that is no setting (pydantic drops those in silence)."""
    known = set(setting_names())
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:  # pydantic reads them in any case
            raise SettingsError(name, "there is no such setting", "see docs/settings.md for the names")


def setting_names(part: type[BaseModel] = Settings, prefix: str = PREFIX) -> list[str]:
    """Every environment variable that is read, in order of the tree."""
    names: list[str] = []
    for name, field in part.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += setting_names(kind, f"{prefix}{name.upper()}__")
        else:
            names.append(f"{prefix}{name.upper()}")
    return names
