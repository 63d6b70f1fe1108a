"""The audit log: append-only, and it shows when it was not."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.errors import CorruptError, UnavailableError
from offline_training.audit import FIRST, AuditLog, Head


def _filled(path: Path, n: int = 3) -> AuditLog:
    log = AuditLog(path / "deep" / "audit.jsonl")
    _append(log, [str(number + 1) for number in range(n)])
    return log


def _append(log: AuditLog, versions: Sequence[str]) -> None:
    for version in versions:
        log.append(
            "publish",
            at=datetime(2024, 1, 1, tzinfo=UTC),
            project="p",
            model="m",
            version=version,
            digest="d",
            by="ben",
            detail={"plan_hash": "h"},
        )


def test_each_entry_is_bound_to_the_one_before(tmp_path: Path) -> None:
    """Entries are read in order, each naming the hash of its predecessor."""
    entries = _filled(tmp_path).read()
    assert [entry.version for entry in entries] == ["1", "2", "3"]
    assert [entry.previous for entry in entries] == [FIRST, entries[0].hash, entries[1].hash]


def test_no_file_is_an_empty_log(tmp_path: Path) -> None:
    """Before the first event there is no file, and nothing to read."""
    assert AuditLog(tmp_path / "audit.jsonl").read() == []


@pytest.mark.parametrize("accident", ["altered", "removed", "swapped", "cut"])
def test_a_changed_history_is_found(tmp_path: Path, accident: str) -> None:
    """Altering, removing, swapping or cutting a line is found when reading, and stops further entries."""
    log = _filled(tmp_path)
    lines = log.path.read_bytes().splitlines(keepends=True)
    changed = {
        "altered": [lines[0], lines[1].replace(b'"version":"2"', b'"version":"9"'), lines[2]],
        "removed": [lines[0], lines[2]],
        "swapped": [lines[1], lines[0], lines[2]],
        "cut": [lines[0], lines[1][:20]],
    }[accident]
    log.path.write_bytes(b"".join(changed))
    with pytest.raises(CorruptError, match=r"audit\.jsonl: line [12]"):
        log.read()
    with pytest.raises(CorruptError):
        _filled(tmp_path, n=1)


def test_a_disk_that_is_full_leaves_the_log_whole(tmp_path: Path) -> None:
    """What part of an entry was written is taken back, so that the next one follows."""
    log = _filled(tmp_path)
    before, limits = log.path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(UnavailableError, match="takes no entry"):
            _append(log, ["4"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.path.read_bytes() == before
    _append(log, ["4"])
    assert [entry.version for entry in log.read()] == ["1", "2", "3", "4"]


class ListedHeads:
    """An anchor that keeps heads in memory, as the registry does in tags."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}

    def read(self) -> Sequence[Head]:
        """See `Anchor`."""
        return tuple(self.heads.values())

    def write(self, head: Head) -> None:
        """See `Anchor`."""
        self.heads[head.log] = head


def _rebuilt(path: Path, versions: Sequence[str]) -> None:
    """A log made anew with a chain that holds: what somebody can do who may write to the file."""
    path.unlink()
    _append(AuditLog(path), versions)


@pytest.mark.parametrize("accident", ["tail cut", "emptied", "deleted", "made anew", "made anew and longer"])
def test_what_the_chain_cannot_show_the_anchor_does(tmp_path: Path, accident: str) -> None:
    """A log that lost its end, or is another log that holds together, is refused by reading and by appending."""
    log = AuditLog(tmp_path / "audit.jsonl", ListedHeads())
    _append(log, ["1", "2", "3"])
    lines = log.path.read_bytes().splitlines(keepends=True)
    {
        "tail cut": lambda: log.path.write_bytes(b"".join(lines[:2])),
        "emptied": lambda: log.path.write_bytes(b""),
        "deleted": log.path.unlink,
        "made anew": lambda: _rebuilt(log.path, ["1", "2", "9"]),
        "made anew and longer": lambda: _rebuilt(log.path, ["9", "1", "2", "3"]),
    }[accident]()
    for act in (log.read, lambda: _append(log, ["4"])):
        with pytest.raises(CorruptError, match=r"lacks some of the 3 entries|is not the log of 3 entries"):
            act()


def test_entries_beyond_the_anchor_are_taken_and_anchored_with_the_next(tmp_path: Path) -> None:
    """A process may have ended between log and anchor, and not everybody who writes the log knows the anchor."""
    heads = ListedHeads()
    log = AuditLog(tmp_path / "audit.jsonl", heads)
    _append(log, ["1"])
    _append(AuditLog(log.path), ["2"])
    assert [entry.version for entry in log.read()] == ["1", "2"]
    _append(log, ["3"])
    ((head,), entries) = (heads.read(), log.read())
    assert (head.entries, head.hash, head.log) == (3, entries[2].hash, entries[0].hash)


def test_a_log_elsewhere_has_a_head_of_its_own(tmp_path: Path) -> None:
    """Two machines of one project keep two logs beside one registry."""
    heads = ListedHeads()
    for place in ("here", "there"):
        log = AuditLog(tmp_path / place / "audit.jsonl", heads)
        _append(log, ["1"] if place == "here" else ["2", "3"])
    assert sorted(head.entries for head in heads.read()) == [1, 2]
    assert len(log.read()) == 2
