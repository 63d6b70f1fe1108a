"""Templates of this folder, filled in."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **content: Any) -> str:
    """A page as HTML: text is escaped, and a name that nobody gave is an error."""
    return _environment().get_template(template).render(content)


def percent(share: float) -> str:
    """A share as people read it: a tenth of a percent, and no more nought than it is."""
    if 0.0 < share < 0.001:
        return "<\u00a00.1\u00a0%"
    return f"{share:.1%}".replace("%", "\u00a0%")


def number(value: float) -> str:
    """A number in four digits that count, without an exponent where it can be."""
    if value != value:
        return "–"
    if value == 0.0 or 0.001 <= abs(value) < 1e6:
        text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        return text.replace("-", "−")
    if abs(value) >= 1e15 or abs(value) < 1.0:
        return f"{value:.3g}".replace("-", "−")
    unit, word = (1e12, "T") if abs(value) >= 1e12 else (1e9, "G") if abs(value) >= 1e9 else (1e6, "M")
    return f"{value / unit:.4g} {word}".replace("-", "−")


def breakable(name: str) -> Markup:
    """A name that lines may break at its colons and underscores; its parts are escaped."""
    return Markup("<wbr>").join(re.split(r"(?<=[:_])", name))


def day(at: datetime) -> str:
    """A day."""
    return f"{at:%Y-%m-%d}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "number": number, "day": day, "breakable": breakable}
    return made
