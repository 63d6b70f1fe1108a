"""What the pages show is done, in the order in which a newcomer would read: first a domain of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of, rows_of
from tests.docs.reader import Reader
from tests.docs.transcript import fits

OWN_DOMAIN = ROOT / "docs" / "own-domain.md"
DOMAIN = "shop"
OTHERS = [page for page in PAGES if page != OWN_DOMAIN and any("run" in block.tag for block in blocks_of(page))]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who has gone through the first page, from ``millstream init`` to a score and its proof."""
    somebody = Reader(tmp_path_factory.mktemp("reader"))
    try:
        assert somebody.read(OWN_DOMAIN) > 10
        somebody.domain = DOMAIN
        yield somebody
    finally:
        somebody.domain = DOMAIN
        somebody.millstream("down")


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.name)
@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_a_page_shows_can_be_done(reader: Reader, page: Path) -> None:
    """Every block that is marked to be run succeeds, and prints what stands below it."""
    assert reader.read(page) > 0


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_state_folder_holds_what_is_documented(reader: Reader) -> None:
    """Each path in it stands in the table, and each path in the table is there once everything has run."""
    documented = {name.split("/")[0] for name in rows_of(ROOT / "docs" / "topics-and-files.md", "The state folder")}
    reader.millstream("verify")
    with pytest.raises(AssertionError, match="score records are rows"):  # of none is the outcome known yet
        reader.millstream("challenge")
    found = {path.name for path in (reader.folder / "var" / DOMAIN).iterdir()}
    assert found == documented


def test_an_output_that_differs_is_noticed() -> None:
    """The comparison can fail: on a word, on a line more, on a line less."""
    assert fits("1 scores checked, …\n…", "1 scores checked, 0 mismatched\nand more")
    assert not fits("2 scores checked, …", "1 scores checked, 0 mismatched")
    assert not fits("a", "a\nb")
    assert not fits("a\nb", "a")


def test_an_edit_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    """A page whose diff no longer fits its file fails."""
    (tmp_path / "page.md").write_text("```diff run file\n a\n-b\n+c\n```\n")
    (tmp_path / "file").write_text("a\nb\n")
    somebody = Reader(tmp_path)
    assert somebody.read(tmp_path / "page.md") == 1
    assert (tmp_path / "file").read_text() == "a\nc\n"
    with pytest.raises(AssertionError, match="0 times"):
        somebody.read(tmp_path / "page.md")


def test_a_block_that_fails_is_noticed(tmp_path: Path) -> None:
    """A command that exits with another code than 0 fails its page, and so does an output that is another."""
    somebody = Reader(tmp_path)
    for text in ("```sh run\nfalse\n```\n", "```sh run\necho a\n```\n\n```text output\nb\n```\n"):
        (tmp_path / "page.md").write_text(text)
        with pytest.raises(AssertionError, match=r"page\.md"):
            somebody.read(tmp_path / "page.md")
