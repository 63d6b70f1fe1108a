"""Settings of the event lake."""

from __future__ import annotations

from pydantic import Field, SecretStr

from features.settings.part import Part


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
