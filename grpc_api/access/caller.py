"""Who makes a call."""

from __future__ import annotations

from typing import Final, NamedTuple

GROUPS: Final = frozenset({"score", "admin"})
"""Groups of methods that a caller may be given; `open` ones are everybody's."""


class Caller(NamedTuple):
    """A client that has proven who it is, and the groups of methods that it may call."""

    name: str
    groups: frozenset[str]
