"""Files that change while the server runs: taken up however they change, and looked at again until they can be used."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from features.errors import SettingsError
from grpc_api.access.followed_file import LOOK_S, FollowedFile


class Followed:
    """A file of a number, and a clock that a look moves on."""

    def __init__(self, path: Path, content: bytes = b"1") -> None:
        self.path = path
        path.write_bytes(content)
        self._now_s = 0.0
        self._file = FollowedFile(path, number, setting="MILLSTREAM_X", monotonic=lambda: self._now_s)

    def look(self) -> int:
        self._now_s += LOOK_S
        return self._file.value()


def number(data: bytes) -> int:
    try:
        return int(data)
    except ValueError:
        raise SettingsError("MILLSTREAM_X", "is no number", "write one") from None


@contextmanager
def no_file_to_be_opened() -> Iterator[None]:
    """As in a process that has too many open; what a file is can still be asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_is_taken_up_while_running(tmp_path: Path) -> None:
    """Within a second of being replaced; one that is wrong or away leaves what was there before."""
    file, now_s = tmp_path / "file", [0.0]
    file.write_bytes(b"1")
    followed = FollowedFile(file, number, setting="MILLSTREAM_X", monotonic=lambda: now_s[0])
    assert followed.value() == 1
    for content, held in ((b"2", 2), (b"what", 2), (None, 2), (b"3", 3)):
        if content is None:
            file.unlink()
        else:
            fresh = tmp_path / "fresh"
            fresh.write_bytes(content)
            os.utime(fresh, (time.time(), now_s[0]))
            fresh.replace(file)
        now_s[0] += LOOK_S
        assert followed.value() == held


def test_a_file_that_is_wrong_at_the_start_is_a_wrong_setting(tmp_path: Path) -> None:
    """Nobody serves without knowing whom."""
    with pytest.raises(SettingsError, match="MILLSTREAM_X"):
        FollowedFile(tmp_path / "none", number, setting="MILLSTREAM_X")


def test_a_file_that_could_not_be_read_once_is_looked_at_again(tmp_path: Path) -> None:
    """Though it does not change any more."""
    followed = Followed(tmp_path / "file")
    followed.path.write_bytes(b"22")
    with no_file_to_be_opened():
        assert followed.look() == 1
    assert followed.look() == 22


def test_a_file_that_takes_anothers_place_is_seen_however_old_it_is(tmp_path: Path) -> None:
    """As long, and with the time of the one before: put in its place, or written into it."""
    followed = Followed(tmp_path / "file")
    was = followed.path.stat()
    swapped = tmp_path / "swapped"
    swapped.write_bytes(b"2")
    os.utime(swapped, ns=(was.st_atime_ns, was.st_mtime_ns))
    swapped.replace(followed.path)
    assert followed.look() == 2

    before = followed.path.stat().st_ctime_ns
    while followed.path.stat().st_ctime_ns == before:  # the system's clock of changes has steps of milliseconds
        followed.path.write_bytes(b"3")
        os.utime(followed.path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert followed.look() == 3


def test_what_is_wrong_is_logged_once(tmp_path: Path) -> None:
    """And again when something else is, or when it is wrong anew."""
    followed = Followed(tmp_path / "file")
    with structlog.testing.capture_logs() as logged:
        for content in (b"what", None, b"2", None):
            if content is None:
                followed.path.unlink()
            else:
                followed.path.write_bytes(content)
            for _ in range(3):
                followed.look()
    told = [(entry["event"], "no number" in entry.get("problem", "")) for entry in logged]
    assert told == [
        ("file_not_taken_up", True),
        ("file_not_taken_up", False),
        ("file_taken_up", False),
        ("file_not_taken_up", False),
    ]
