"""Settings of the drift watcher."""

from __future__ import annotations

from pydantic import Field

from features.settings.part import Part


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
