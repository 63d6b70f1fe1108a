"""The suite as a YAML file of the domain folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from features.errors import DomainError
from features.text_file import read_yaml
from features.whole_file import replace_file
from offline_training.validation.suite import Suite

_HEADER: Final = """\
# What the training sets of this model must be: `millstream train` ends where one is not. Edit it as you know better.
# `millstream validate --refresh` infers it anew from the lake as it is now, and raises the version.
"""


def read_suite(path: Path, model: str) -> Suite | None:
    """The suite of a model, None where there is no file; DomainError where it cannot be used."""
    try:
        raw = read_yaml(path)
    except FileNotFoundError:
        return None
    try:
        suite = msgspec.convert(raw, Suite)
    except msgspec.ValidationError as error:
        raise DomainError(str(path), str(error), "see docs/data-quality.md for the keys and their values") from error
    if suite.model != model:
        raise DomainError(
            str(path), f"is of model {suite.model}, not {model}", "name another file as validation.suite in model.yaml"
        )
    return suite


def write_suite(path: Path, suite: Suite) -> None:
    """Replace the file at once, and make its folder; a line a column."""
    text = _HEADER + yaml.dump(
        msgspec.to_builtins(suite), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120
    )
    replace_file(path, text.encode())


class _Dumper(yaml.SafeDumper):
    """Writes no anchors: a person who edits one list means that one."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - of any
        """Write every value where it stands."""
        return True


def changes(before: Suite, now: Suite) -> Iterator[str]:
    """What is another in the later of two suites, a line each."""
    old, new = _entries(before), _entries(now)
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            yield f"{name}: {_shown(old.get(name))} → {_shown(new.get(name))}"


def _entries(suite: Suite) -> dict[str, Any]:
    """Every limit by a name, the columns of a table each by its own."""
    flat: dict[str, Any] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                add(f"{name}.{key}", item)
        else:
            flat[name] = value

    for part in ("numeric_bounds", "nulls", "duplicates", "outliers", "class_balance", "leakage", "schema"):
        add(part, msgspec.to_builtins(getattr(suite, part)))
    return flat | {f"required_columns.{name}": True for name in suite.required_columns}


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
