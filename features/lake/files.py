"""Where the lake's bytes are: names, listings that no compaction tears, atomic writes, footers.

A file is named by the offsets that it covers, ``<topic>/<log>/<partition>/<first>-<next>.parquet``, padded so that
names sort. Its footer repeats what the name says, so that a file cut short or renamed is found.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from features.errors import LakeCorruptError, UnavailableError

FORMAT = 1
_NAME = re.compile(r"(\d{20})-(\d{20})\.parquet")
_FACTS_KEY = b"millstream"
_ATTEMPTS = 20

T = TypeVar("T")


class Place(NamedTuple):
    """One partition of one log of one topic."""

    topic: str
    log: str
    partition: int

    @property
    def folder(self) -> str:
        """Path below the lake's root."""
        return f"{self.topic}/{self.log}/{self.partition}"


class Piece(NamedTuple):
    """Offsets of a partition from ``first`` to ``next`` - 1; None: to the end."""

    place: Place
    first: int
    next: int | None


class LakeFile(NamedTuple):
    """A file that was listed; it covers the offsets ``first`` to ``next`` - 1."""

    path: str
    first: int
    next: int
    size: int
    changed_ns: int


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the footer says of a file.

    ``source`` is the hash of the declaration that its columns follow; ``began`` is the first offset that the lake ever
    held of the partition, so that files that are lost from its beginning are missed.
    ``dropped_until_us`` stands in an empty file that took the place of others: newest time of their records.
    """

    format: int = FORMAT
    source: str
    began: int
    first: int
    next: int
    rows: int
    level: int
    dropped_until_us: int | None = None


class VanishedError(Exception):
    """A file that was listed has been compacted into another: list again."""


class Interval(NamedTuple):
    """Offsets from ``first`` to ``next`` - 1."""

    first: int
    next: int


def coverage(files: list[LakeFile]) -> list[Interval]:
    """Offsets that sorted files cover, as disjoint intervals."""
    intervals: list[Interval] = []
    for file in files:
        if intervals and file.first <= intervals[-1].next:
            intervals[-1] = Interval(intervals[-1].first, max(intervals[-1].next, file.next))
        else:
            intervals.append(Interval(file.first, file.next))
    return intervals


class LakeFiles:
    """The files of a lake in a local folder or on a pyarrow filesystem.

    Parameters
    ----------
    filesystem
        A local one gets temporary files, fsync and rename; any other must make a file visible only when it is
        whole, as object stores do.
    root
        Folder or bucket path of the lake.

    """

    def __init__(self, filesystem: pafs.FileSystem, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._local = isinstance(filesystem, pafs.LocalFileSystem)
        self._known: dict[tuple[str, int, int], FileFacts] = {}

    def places(self, topic: str | None = None) -> list[Place]:
        """Partitions that have files, sorted."""
        found = set()
        with _reaching(self._root):
            folder = self._root if topic is None else f"{self._root}/{topic}"
            selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
            for info in self._filesystem.get_file_info(selector):
                parts = info.path.removeprefix(self._root + "/").split("/")
                if info.is_file and len(parts) == 4 and parts[2].isdecimal() and _NAME.fullmatch(parts[3]):
                    found.add(Place(parts[0], parts[1], int(parts[2])))
        return sorted(found)

    def use(self, place: Place, work: Callable[[list[LakeFile]], T]) -> T:
        """Do something with the files of a partition, again where a compaction took one of them away meanwhile."""
        for _ in range(_ATTEMPTS):
            try:
                return work(self.of(place))
            except VanishedError:
                continue
        raise UnavailableError("lake", f"{place.folder} does not come to rest: files vanished {_ATTEMPTS} times")

    def of(self, place: Place) -> list[LakeFile]:
        """Files of a partition by first offset, of two that begin alike the longer one first.

        While a compaction puts one file in the place of many, a listing may show neither. So it is repeated until
        two in a row cover the same.
        """
        covered: list[Interval] | None = None
        for _ in range(_ATTEMPTS):
            files = self._list(place)
            now = coverage(files)
            if covered is not None and _clip(now, covered[-1].next if covered else 0) == covered:
                return files
            covered = now
        raise UnavailableError("lake", f"{place.folder} does not come to rest: {_ATTEMPTS} listings all differed")

    def facts(self, file: LakeFile) -> FileFacts:
        """What the footer says; LakeCorruptError names a file that is cut short, foreign or wrongly named."""
        key = (file.path, file.size, file.changed_ns)
        facts = self._known.get(key)
        if facts is None:
            with self._open(file) as source, _parsing(file.path):
                facts = _facts_of(pq.ParquetFile(source).schema_arrow, file)
            self._known[key] = facts
        return facts

    def read(
        self, file: LakeFile, pick: Callable[[FileFacts], Sequence[str] | None] = lambda _: None
    ) -> tuple[FileFacts, pa.Table]:
        """The whole file, or the columns that ``pick`` names; every page that is read is checked by its checksum."""
        with self._open(file) as source:
            with _reaching(file.path):
                data = source.read_buffer()
            with _parsing(file.path):
                stored = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            facts = _facts_of(stored.schema_arrow, file)
            columns = pick(facts)
            with _parsing(file.path):
                return facts, stored.read(None if columns is None else list(columns))

    def write(self, place: Place, facts: FileFacts, table: pa.Table) -> LakeFile:
        """Make a file; durable, and visible as a whole, when this returns."""
        table = table.replace_schema_metadata({_FACTS_KEY: msgspec.json.encode(facts)})
        folder = f"{self._root}/{place.folder}"
        path = f"{folder}/{facts.first:020d}-{facts.next:020d}.parquet"
        with _reaching(path):
            if self._local:
                _write_durably(Path(path), lambda sink: _write(table, sink))
            else:
                self._filesystem.create_dir(folder, recursive=True)
                with self._filesystem.open_output_stream(path) as sink:
                    _write(table, sink)
            info = self._filesystem.get_file_info(path)
        file = LakeFile(path, facts.first, facts.next, info.size or 0, info.mtime_ns or 0)
        self._known[file.path, file.size, file.changed_ns] = facts
        return file

    def delete(self, file: LakeFile) -> None:
        """Remove a file that another one covers."""
        self._known.pop((file.path, file.size, file.changed_ns), None)
        with _reaching(file.path), suppress(FileNotFoundError):
            self._filesystem.delete_file(file.path)

    def read_beside(self, name: str) -> bytes | None:
        """A file at the lake's root that holds no records; None where there is none."""
        path = f"{self._root}/{name}"
        with _reaching(path):
            try:
                with self._filesystem.open_input_stream(path) as source:
                    return bytes(source.read())
            except FileNotFoundError:
                return None

    def write_beside(self, name: str, data: bytes) -> None:
        """Put a file at the lake's root in the place of what was there; durable when this returns."""
        path = f"{self._root}/{name}"
        with _reaching(path):
            if self._local:
                _write_durably(Path(path), lambda sink: sink.write(data))
                return
            self._filesystem.create_dir(self._root, recursive=True)
            with self._filesystem.open_output_stream(path) as sink:
                sink.write(data)

    def _list(self, place: Place) -> list[LakeFile]:
        files = []
        with _reaching(place.folder):
            selector = pafs.FileSelector(f"{self._root}/{place.folder}", allow_not_found=True)
            for info in self._filesystem.get_file_info(selector):
                if info.is_file and (name := _NAME.fullmatch(info.base_name)):
                    first, following = int(name[1]), int(name[2])
                    files.append(LakeFile(info.path, first, following, info.size or 0, info.mtime_ns or 0))
        return sorted(files, key=lambda file: (file.first, -file.next))

    @contextmanager
    def _open(self, file: LakeFile) -> Iterator[pa.NativeFile]:
        with _reaching(file.path):
            try:
                source = self._filesystem.open_input_file(file.path)
            except FileNotFoundError:
                raise VanishedError(file.path) from None
        with source:
            yield source


def _facts_of(schema: pa.Schema, file: LakeFile) -> FileFacts:
    try:
        facts = msgspec.json.decode((schema.metadata or {}).get(_FACTS_KEY, b""), type=FileFacts)
    except msgspec.MsgspecError:
        raise LakeCorruptError(file.path, "was not written by Millstream") from None
    if facts.format != FORMAT:
        raise LakeCorruptError(file.path, f"has format {facts.format}, known is {FORMAT}")
    if (facts.first, facts.next) != (file.first, file.next):
        raise LakeCorruptError(file.path, f"covers {facts.first}-{facts.next} by its footer: it was renamed")
    return facts


def _clip(intervals: list[Interval], end: int) -> list[Interval]:
    """What of the intervals lies before an offset."""
    return [Interval(i.first, min(i.next, end)) for i in intervals if i.first < end]


def _write(table: pa.Table, sink: IO[bytes] | pa.NativeFile) -> None:
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)


def _write_durably(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write beside, flush to the disk, rename, flush the folder (and those above that are new)."""
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("wb") as sink:
            write(sink)
            sink.flush()
            os.fsync(sink.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    for folder in [path.parent, *(folder.parent for folder in missing)]:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folders; its renames are in the journal
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    """The disk or object store may be down or full: that is not the file's fault."""
    try:
        yield
    except OSError as error:
        raise UnavailableError("lake", f"{what}: {error}") from error


@contextmanager
def _parsing(path: str) -> Iterator[None]:
    """Whatever does not parse is corrupt."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise LakeCorruptError(path, f"is cut short or damaged ({error})") from error
