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
    client_rows: int = Field(
        default=1_000_000,
        ge=2,
        description="Rows of a training set that the command itself may hold: of a larger one, which stays on the "
        "workers, it has the test rows (at most half of these) and a sample.",
    )
    timeout_s: float = Field(default=10.0, gt=0, description="How long the scheduler may take to answer.")
