"""Settings of the stream processor."""

from __future__ import annotations

from pydantic import ByteSize, Field

from features.settings.part import Part


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
