"""The audit log of models published, judged, approved and let serve, and of entities forgotten.

Append-only JSON lines, each bound to all before it by a hash chain. How far the log has come is written down elsewhere
too (`Anchor`), so that a log that was cut at its end, or made anew as a whole, is found out.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from features.approval.statements import Statement
from features.errors import CorruptError, UnavailableError

AUDIT_FILE = "audit.jsonl"
"""Its name in the state folder."""

FIRST = "0" * 64

Event = Literal["publish", "validate", "approve", "reject", "promote", "rollback", "retire", "route", "forget"]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event, of a model version unless these fields are empty.

    ``statement`` is what the person of ``by`` signed, where this had to be signed. ``hash`` is the SHA-256 of the
    entry's JSON with an empty hash, ``previous`` the hash before it.
    """

    at: datetime
    event: Event
    project: str
    model: str
    version: str
    digest: str
    by: str
    detail: dict[str, str]
    statement: Statement | None = None
    previous: str
    hash: str = ""

    def sealed(self) -> AuditEntry:
        """The entry with its hash."""
        bare = msgspec.json.encode(msgspec.structs.replace(self, hash=""), order="sorted")
        return msgspec.structs.replace(self, hash=hashlib.sha256(bare).hexdigest())


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log has come: its name (the hash of its first entry), how many entries, the hash of the last.

    ``kept`` is where: host and path.
    """

    log: str
    entries: int
    hash: str
    kept: str


class Anchor(Protocol):
    """Keeps the heads of logs, out of reach of who edits their files."""

    def read(self) -> Sequence[Head]:
        """Of all logs of a project."""
        ...

    def write(self, head: Head) -> None:
        """Replace that of one log."""
        ...


class AuditLog:
    """The log in one file; without an anchor it vouches for the middle of the file, and not for its end."""

    def __init__(self, path: Path, anchor: Anchor | None = None) -> None:
        self.path = path
        self._anchor = anchor

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
        sign: Callable[[str], Statement | None] = lambda _log_head: None,
    ) -> AuditEntry:
        """Add an event at the end, durably; CorruptError where the log so far does not hold together.

        ``sign`` is given the hash of the entry before, which the statement names; None: this needs no signature.
        UnavailableError where the disk takes no entry.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            entries = self._checked(file.readall())
            previous = entries[-1].hash if entries else FIRST
            entry = AuditEntry(
                at=at,
                event=event,
                project=project,
                model=model,
                version=version,
                digest=digest,
                by=by,
                detail=detail,
                statement=sign(previous),
                previous=previous,
            ).sealed()
            _write_whole(file, msgspec.json.encode(entry) + b"\n")
            if self._anchor is not None:
                self._anchor.write(self._head([*entries, entry]))
            return entry

    def read(self) -> list[AuditEntry]:
        """All entries, oldest first; CorruptError where one was altered, removed, moved or put in between."""
        return self._checked(self.path.read_bytes() if self.path.exists() else b"")

    def _checked(self, data: bytes) -> list[AuditEntry]:
        entries = _chained(self.path, data)
        for head in self._anchor.read() if self._anchor is not None else ():
            if entries and head.log == entries[0].hash:
                if len(entries) < head.entries or entries[head.entries - 1].hash != head.hash:
                    raise CorruptError(str(self.path), f"lacks some of the {head.entries} entries that it had")
            elif head.kept == self._kept():
                raise CorruptError(str(self.path), f"is not the log of {head.entries} entries that was kept here")
        return entries

    def _head(self, entries: Sequence[AuditEntry]) -> Head:
        return Head(log=entries[0].hash, entries=len(entries), hash=entries[-1].hash, kept=self._kept())

    def _kept(self) -> str:
        return f"{socket.gethostname()}:{self.path.resolve()}"


def _write_whole(file: FileIO, line: bytes) -> None:
    """Write a line at the end, durably or not at all: a part of one would be a log that does not hold."""
    before = os.fstat(file.fileno()).st_size
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError as error:
        file.truncate(before)
        raise UnavailableError(str(file.name), f"takes no entry ({error.strerror})") from error


def _chained(path: Path, data: bytes) -> list[AuditEntry]:
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
