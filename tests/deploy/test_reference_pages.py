"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.reference_pages import PAGES, main, stale_pages
from features.settings import setting_names

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_fresh() -> None:
    """`make format` writes them; they are checked in so that they can be read without building anything."""
    assert stale_pages(ROOT) == []
    assert main(["--check"]) == 0


def test_a_stale_or_missing_page_is_named(tmp_path: Path) -> None:
    """The check can fail."""
    assert stale_pages(tmp_path) == list(PAGES)


def test_every_setting_is_documented_with_its_meaning() -> None:
    """No setting without a row, no row without a meaning."""
    text = (ROOT / "docs/settings.md").read_text()
    rows = dict(re.findall(r"^\| `(MILLSTREAM_\w+)` \|.*\| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == set(setting_names())
    assert all(rows.values())
