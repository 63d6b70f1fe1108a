"""Settings of traces."""

from __future__ import annotations

from pydantic import Field

from features.settings.part import Part


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
