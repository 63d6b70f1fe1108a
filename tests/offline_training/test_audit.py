"""The audit log: append-only, and it shows when it was not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.errors import CorruptError
from offline_training.audit import FIRST, AuditLog


def _filled(path: Path, n: int = 3) -> AuditLog:
    log = AuditLog(path / "deep" / "audit.jsonl")
    for number in range(n):
        log.append(
            "publish",
            at=datetime(2024, 1, 1, tzinfo=UTC),
            project="p",
            model="m",
            version=str(number + 1),
            digest="d",
            by="gates",
            detail={"plan_hash": "h"},
        )
    return log


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
