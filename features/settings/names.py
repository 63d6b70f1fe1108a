"""The names that settings go by in the environment."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from features.errors import SettingsError
from features.settings.tree import PREFIX, Settings


def refuse_unknown_names(names: Iterable[str]) -> None:
    """Raise SettingsError for a ``MILLSTREAM_`` name that is no setting (pydantic drops those in silence)."""
    known = set(setting_names())
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:  # pydantic reads them in any case
            raise SettingsError(name, "there is no such setting", "see docs/settings.md for the names")


def setting_names(part: type[BaseModel] = Settings, prefix: str = PREFIX) -> list[str]:
    """Every environment variable that is read, in order of the tree."""
    names: list[str] = []
    for name, field in part.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += setting_names(kind, f"{prefix}{name.upper()}__")
        else:
            names.append(f"{prefix}{name.upper()}")
    return names
