"""Reading the settings of a process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError
from pydantic_settings import SettingsError as SourceError

from features.errors import SettingsError
from features.settings.names import refuse_unknown_names
from features.settings.tree import PREFIX, SECRETS, Settings


def load_settings(*, project: str | None = None, repo: Path | None = None, var: Path | None = None) -> Settings:
    """Read environment and, where a stack of this project runs, its addresses.

    ``repo`` and ``var`` (command-line options) win over both. Raises SettingsError for a misspelt name or a
    value out of range.
    """
    refuse_unknown_names(os.environ)
    if folder := os.environ.get(SECRETS):
        refuse_unknown_names(file.name for file in Path(folder).glob(f"{PREFIX}*"))
    try:
        settings = Settings()
        explicit = {name: value for name, value in (("repo", repo), ("var", var)) if value is not None}
        if explicit:
            settings = settings.model_copy(update=explicit)
        if project is None:
            return settings
        running = read_stack_addresses(settings.state_dir(project) / "stack.json")
        return Settings(**running).model_copy(update={"repo": settings.repo, "var": settings.var})
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        problem = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(name, problem, "see docs/settings.md") from None  # its text shows what was set, secrets too
    except SourceError as error:
        raise SettingsError(SECRETS, str(error), "name a folder of files named like settings") from error


def read_stack_addresses(path: Path) -> dict[str, Any]:
    """The ``settings`` part of a running stack's ``stack.json``; empty when none runs."""
    try:
        return dict(msgspec.json.decode(path.read_bytes(), type=dict[str, Any]).get("settings", {}))
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise SettingsError(str(path), f"is not readable ({error})", "remove it, or run `millstream down`") from error
