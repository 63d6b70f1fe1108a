"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.reference_pages import PAGES, main, stale_pages
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from features.settings import setting_names

ROOT = Path(__file__).parents[2]
DOCS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


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


def test_every_topic_is_documented() -> None:
    """Those that the engine makes for itself; a domain documents its own."""
    text = (ROOT / "docs/topics.md").read_text()
    for topic in (SCORES_TOPIC, DEAD_LETTERS_TOPIC):
        assert f"`{topic}`" in text


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, every anchor a heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name) if name else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}, target


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_tests_that_are_named_exist(page: Path) -> None:
    """The table of faults names the test of each."""
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
        assert (ROOT / file).exists(), file
        if name:
            assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
