"""The lake of a site, as its settings say: with the key that finds those whom it has forgotten."""

from __future__ import annotations

from functools import partial

from features.erasure_key import read_erasure_key
from features.lake.lake import Lake, open_lake
from features.settings import Settings


def open_site_lake(settings: Settings, project: str) -> Lake:
    """Open the lake of one domain; see `features.lake.open_lake`."""
    return open_lake(settings.lake_url(project), partial(read_erasure_key, settings, project))
