"""Whether the addresses at hand are those of a domain's own neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from deploy.stack_file import LOCK_FILE
from features.errors import NotServingError
from features.settings import PREFIX, Settings

NeighbourPart: TypeAlias = Literal["scorer", "kafka", "store", "registry"]

ADDRESSES = {
    "scorer": ("host", "port"),
    "kafka": ("bootstrap_servers",),
    "store": ("host", "port", "cluster", "sentinels"),
    "registry": ("uri",),
}
"""Settings of each part that say where it is: one that is set, by a running stack or by people, is meant."""


def require_own(settings: Settings, state_dir: Path, project: str, parts: Sequence[NeighbourPart]) -> None:
    """NotServingError where a stack of this domain has run, does not now, and nothing else says where a part is."""
    if not (state_dir / LOCK_FILE).exists():
        return
    for part in parts:
        if getattr(settings, part).model_fields_set.isdisjoint(ADDRESSES[part]):
            name = f"{PREFIX}{part}__{ADDRESSES[part][0]}".upper()
            raise NotServingError(
                part, f"the stack of {project} is down: run `millstream up`, or say by {name} where the {part} is"
            )
