"""Names of columns: what a topic's schema and its derived columns may be called."""

from __future__ import annotations

import re
from collections.abc import Collection

from features.errors import DomainError
from features.lake.rows import POSITION_COLUMNS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_column_name(where: str, name: str, others: Collection[str]) -> None:
    """Refuse a name that is no plain one, that the lake uses itself, or that another column has."""
    if not _NAME.fullmatch(name):
        raise DomainError(
            where, f"{name!r} cannot name a column", "use letters, digits and underscores, no digit first"
        )
    if name.lower() in map(str.lower, others):  # SQL does not tell them apart, and labels are SQL
        raise DomainError(where, f"declares {name} twice", "declare it once, whatever its case")
    if name.lower() in POSITION_COLUMNS:
        raise DomainError(where, f"{name} is a column that the lake adds to every record", "rename the field")
