"""The pages of the documentation, taken apart: blocks of code with their tags, and the code in the running text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<tag>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """One block of code: ``tag`` is what follows the fence, ``line`` the number of the fence's line."""

    page: str
    line: int
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order, freed of the indentation of the list that they stand in."""
    source = page.read_text()
    found = []
    for match in _FENCE.finditer(source):
        indent, text = match["indent"], match["text"]
        freed = "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
        found.append(Block(page.name, source.count("\n", 0, match.start()) + 1, match["tag"].strip(), freed))
    return found


def all_blocks() -> list[Block]:
    """Those of every page."""
    return [block for page in PAGES for block in blocks_of(page)]


def prose_of(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", page.read_text())


def code_of(page: Path) -> list[str]:
    """What a page shows as code: lines of its shell blocks, and the spans in its text."""
    lines = [line for block in blocks_of(page) if block.tag.split()[:1] == ["sh"] for line in block.text.splitlines()]
    return [*lines, *_SPAN.findall(prose_of(page))]


def rows_of(page: Path, heading: str) -> list[str]:
    """What stands as code in the first cell of each table row below a heading, up to the next one of its level."""
    text = page.read_text()
    level = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert level is not None, f"{page.name} has no heading {heading!r}"
    part = re.split(rf"^#{{1,{len(level[1])}}} ", text[level.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| (`[^|]*?`) \|", part, re.MULTILINE)
    return [name for cell in cells for name in _SPAN.findall(cell)]
