"""The audit log of models published, who serves as what, and entities forgotten.

Append-only JSON lines, each bound to all before it by a hash chain.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from features.errors import CorruptError

AUDIT_FILE = "audit.jsonl"
"""Its name in the state folder."""

FIRST = "0" * 64

Event = Literal["publish", "promote", "rollback", "retire", "route", "forget"]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event, of a model version unless these fields are empty.

    ``hash`` is the SHA-256 of the entry's JSON with an empty hash, ``previous`` the hash before it.
    """

    at: datetime
    event: Event
    project: str
    model: str
    version: str
    digest: str
    by: str
    detail: dict[str, str]
    previous: str
    hash: str = ""

    def sealed(self) -> AuditEntry:
        """The entry with its hash."""
        bare = msgspec.json.encode(msgspec.structs.replace(self, hash=""), order="sorted")
        return msgspec.structs.replace(self, hash=hashlib.sha256(bare).hexdigest())


class AuditLog:
    """The log in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(
        self,
        event: Event,
        *,
        at: datetime,
        project: str,
        by: str,
        model: str = "",
        version: str = "",
        digest: str = "",
        detail: dict[str, str],
    ) -> AuditEntry:
        """Add an event at the end, durably; CorruptError where the log so far does not hold together."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            entries = _checked(self.path, file.read())
            entry = AuditEntry(
                at=at,
                event=event,
                project=project,
                model=model,
                version=version,
                digest=digest,
                by=by,
                detail=detail,
                previous=entries[-1].hash if entries else FIRST,
            ).sealed()
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            return entry

    def read(self) -> list[AuditEntry]:
        """All entries, oldest first; CorruptError at the first that was altered, removed or put in between."""
        return _checked(self.path, self.path.read_bytes()) if self.path.exists() else []


def _checked(path: Path, data: bytes) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    previous = FIRST
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            entry = msgspec.json.decode(line, type=AuditEntry)
        except msgspec.MsgspecError as error:
            raise CorruptError(str(path), f"line {number} is not an audit entry ({error})") from error
        if entry.previous != previous or entry.sealed().hash != entry.hash:
            raise CorruptError(str(path), f"line {number} does not follow from the lines before it")
        previous = entry.hash
        entries.append(entry)
    return entries
