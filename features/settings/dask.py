"""Settings of the cluster."""

from __future__ import annotations

from pydantic import Field

from features.settings.part import Part


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
