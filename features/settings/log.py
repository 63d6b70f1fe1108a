"""Settings of the log."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from features.settings.part import Part


class LogSettings(Part):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    json_lines: bool = Field(default=True, description="JSON lines for machines, or lines for people.")
