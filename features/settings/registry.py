"""Settings of the model registry."""

from __future__ import annotations

from pydantic import Field

from features.settings.part import Part


class RegistrySettings(Part):
    """Where MLflow is, and how often model sync asks it."""

    uri: str = Field(default="http://127.0.0.1:5000", min_length=1, description="Address of the MLflow server.")
    poll_s: float = Field(default=1.0, gt=0, description="How often model sync asks it who serves.")
