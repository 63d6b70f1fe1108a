"""The shape of a part of the tree."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Shape shared by the parts of the tree."""

    model_config = ConfigDict(frozen=True, extra="forbid")
