"""Answers of benches as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

MINE: Final = "**Millstream**"
NO_NAMES: Final[Mapping[str, str]] = {}


def words(name: str) -> str:
    """A key of an answer as people write it."""
    return name.replace("_per_second", "/s").replace("_", " ")


def show(value: object) -> str:
    """A value as people write it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{show(name)}: {show(each)}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in row)} |"


def absent(found: Sequence[Mapping[str, str]], names: Mapping[str, str] = NO_NAMES) -> Iterator[str]:
    """Why a peer has no figure; ``names`` are for what is missing."""
    if not found:
        yield "Every peer ran."
        return
    rows = [(each["name"], names.get(each["what"], each["what"]), each["reason"]) for each in found]
    yield from table(("who", "what", "reason"), rows)
