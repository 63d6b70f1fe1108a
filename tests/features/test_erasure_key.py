"""The secret key of a site: made once, for its owner alone, and never guessed at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.erasure_key import FILE, make_erasure_key, read_erasure_key
from features.errors import SettingsError
from features.settings import LakeSettings, Settings


def test_a_key_is_made_once_whoever_asks(tmp_path: Path) -> None:
    """Eight at a time get the same; its file is for the owner's eyes, and nothing else is left beside it."""
    settings = Settings(var=tmp_path)
    assert read_erasure_key(settings, "shop") is None
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: make_erasure_key(settings, "shop"), range(8)))
    (key,) = keys
    assert len(key) == 32
    assert read_erasure_key(settings, "shop") == key
    (file,) = (tmp_path / "shop").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (FILE, 0o600)


def test_a_key_of_the_environment_wins(tmp_path: Path) -> None:
    """No file is made beside it."""
    settings = Settings(var=tmp_path, lake=LakeSettings(erasure_key="ab" * 32))
    assert make_erasure_key(settings, "shop") == b"\xab" * 32
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("text", ["", "ab", "x" * 64])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    """Whether it is the setting or the file."""
    with pytest.raises(SettingsError, match="MILLSTREAM_LAKE__ERASURE_KEY"):
        read_erasure_key(Settings(var=tmp_path, lake=LakeSettings(erasure_key=text)), "shop")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / FILE).write_text(text)
    with pytest.raises(SettingsError, match=r"erasure\.key"):
        read_erasure_key(Settings(var=tmp_path), "shop")
