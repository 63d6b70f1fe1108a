"""Settings of the scorer."""

from __future__ import annotations

from typing import Literal

from pydantic import ByteSize, Field

from features.settings.auth import AuthSettings
from features.settings.part import Part
from features.settings.tls import TlsSettings


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
        description="Connections, of gRPC and of REST together, that one process has at most, half of them from one"
        " address; fewer where it may not open as many files.",
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
        default=1_000,
        ge=1,
        description="Calls that one process has in hand at most, half of them streams; more are refused at once.",
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
    def everybody_may_call(self) -> bool:
        """Whether callers need neither a key, nor a token, nor a certificate."""
        return not self.auth.required and self.tls.client_ca is None

    @property
    def serves_admin(self) -> bool:
        """Whether methods of group `admin` are served."""
        return self.everybody_may_call if self.admin is None else self.admin
