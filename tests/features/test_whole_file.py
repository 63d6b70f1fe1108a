"""Files that are replaced as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.whole_file import replace_file


def test_several_may_replace_a_file_at_a_time(tmp_path: Path) -> None:
    """As processes do that start together: none of them fails, and one's content stays."""
    path = tmp_path / "made" / "file.json"
    contents = [bytes([65 + n]) * 1_000 for n in range(4)]

    def replace(content: bytes) -> None:
        for _ in range(200):
            replace_file(path, content)

    with ThreadPoolExecutor(len(contents)) as pool:
        list(pool.map(replace, contents))
    assert path.read_bytes() in contents
    assert list(path.parent.iterdir()) == [path]


def test_what_could_not_be_written_is_not_left_behind(tmp_path: Path) -> None:
    """Here because a folder has the file's name."""
    (tmp_path / "file.json").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "file.json", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]
