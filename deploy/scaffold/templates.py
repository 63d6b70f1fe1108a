"""The templates of a new domain."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.scaffold.calendar import in_units
from features.durations import parse_duration_us

_ROOT = Path(__file__).resolve().parents[1]
DECLARATIONS = _ROOT.parent / "feature_repo"
TEMPLATE = _ROOT / "template"

_WORDS = {"d": "day", "h": "hour", "m": "minute", "s": "second", "ms": "millisecond"}


def render(name: str, **content: Any) -> str:
    """A template filled in; a name that nobody gave is an error."""
    return _environment().get_template(name).render(content)


def interval(text: str) -> str:
    """A length of time in SQL."""
    number, unit = in_units(parse_duration_us(text))
    return f"INTERVAL {number} {_WORDS[unit].upper()}"


def timedelta_of(text: str) -> str:
    """A length of time in Python."""
    number, unit = in_units(parse_duration_us(text))
    return f"timedelta({_WORDS[unit]}s={number})"


def instant(at: datetime) -> str:
    """An instant in YAML; a midnight is its day."""
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{at:%Y-%m-%dT%H:%M:%SZ}"


@cache
def _environment() -> Environment:
    made = Environment(  # noqa: S701 - YAML, SQL, Python and Markdown, no HTML; texts of people pass through `quoted`
        loader=FileSystemLoader(TEMPLATE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "quoted": lambda text: json.dumps(text, ensure_ascii=False),
        "interval": interval,
        "timedelta": timedelta_of,
        "instant": instant,
    }
    made.filters |= filters
    return made
