"""The event lake: every record that the stream read, once, as Parquet; the training history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice, pairwise
from operator import lt
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs

from features.decode import Decoder
from features.erasure import NO_ERASURES, Erasure, Erasures
from features.errors import LakeCorruptError, SettingsError
from features.formats.schemas import SchemaBook
from features.lake.check import Finding, check_place, gaps_of
from features.lake.compaction import Compactor
from features.lake.erasing import Eraser, OpenKey, cleaned, find_rows
from features.lake.expiry import Expired, dropped_until_us, expire
from features.lake.files import FileFacts, LakeFile, LakeFiles, Piece, Place, coverage
from features.lake.record_names import RecordNames, open_names
from features.lake.rows import (
    LakeBatch,
    columns_of,
    declared_name,
    decode_anew,
    pick_rows,
    place_rows,
    stored_schema,
    table_schema,
    to_table,
    with_masks,
)
from features.lake.schema_shelf import SchemaShelf
from features.lake.sweep import Swept, sweep
from features.nouns import Partition
from features.plan import SourcePlan

if TYPE_CHECKING:
    import duckdb


def open_lake(url: str, key: OpenKey = lambda: None) -> Lake:
    """Open the lake at a local folder or at a URL of a pyarrow filesystem (``s3://``, ``gs://``, ``file://``).

    Parameters
    ----------
    url
        Need not exist yet.
    key
        Gives the site's secret key, under which entities that were forgotten are known.

    Returns
    -------
    Lake
        Nothing has been read yet.

    Raises
    ------
    SettingsError
        No filesystem goes by such a URL.

    """
    if "://" not in url:
        return Lake(pafs.LocalFileSystem(), Path(url).absolute().as_posix(), key)
    try:
        filesystem, root = pafs.FileSystem.from_uri(url)
    except ValueError:  # its text may repeat keys that stand in the URL
        raise SettingsError(
            "MILLSTREAM_LAKE__URL", "is no place that a lake can be in", "name a folder, or an s3:// or gs:// URL"
        ) from None
    return Lake(filesystem, root, key)


class Lake:
    """Writes batches of records and reads them back as events.

    Readers take a partition's files in order and keep only offsets not yet covered. So a rewind, a second writer
    and a compaction under way add nothing. One thread at a time appends to a partition; reading is free.

    Parameters
    ----------
    filesystem, root, key
        See `open_lake`.

    Attributes
    ----------
    schemas
        The schemas that its records were written with, for a decoder of them.

    """

    def __init__(self, filesystem: pafs.FileSystem, root: str, key: OpenKey = lambda: None) -> None:
        self._files = LakeFiles(filesystem, root)
        self.schemas = SchemaBook(SchemaShelf(self._files))
        self._eraser = Eraser(self._files, key)
        self._compactors: dict[Place, Compactor] = {}
        self._readers: dict[str, RecordNames | None] = {}

    def append(self, source: SourcePlan, log: str, partition: int, batch: LakeBatch) -> None:
        """Write a batch; it is durable when this returns.

        Parameters
        ----------
        source
            The declaration that ``batch.decoded`` followed.
        log, partition
            Where the records are from.
        batch
            Records in ascending order of offsets, none of them before ``batch.first`` or from ``next_offset`` on.

        Raises
        ------
        ValueError
            The offsets are not so.
        UnavailableError
            The disk or object store refuses; nothing was written, and the same call may succeed later.

        """
        if not batch.offsets and (batch.first_offset is None or batch.first_offset >= batch.next_offset):
            return
        _refuse_disorder(batch)
        place = Place(source.topic, log, partition)
        compactor = self._compactors.get(place)
        if compactor is None:
            compactor = self._compactors[place] = Compactor(self._files, place, self._eraser.clean)
        facts = FileFacts(
            source=source.records_hash,
            began=compactor.began(batch.first),
            first=batch.first,
            next=batch.next_offset,
            rows=len(batch.offsets),
            level=0,
        )
        table = cleaned(self._eraser.erasures(), place, to_table(source, batch), self._reader(source))
        compactor.add(self._files.write(place, facts, table), facts)

    def end(self, topic: str, log: str, partition: int) -> int | None:
        """Next offset after the covered prefix of a partition; None when the lake holds nothing of it.

        Raises
        ------
        LakeCorruptError
            A file of the prefix is cut short, foreign or renamed, so that its name does not prove its rows.

        """
        return self._files.use(Place(topic, log, partition), self._proven_end)

    def erasures(self) -> Erasures:
        """Entities that were forgotten; SettingsError where there are some and no key to find them with."""
        return self._eraser.erasures()

    def record_erasures(self, erasures: Iterable[Erasure]) -> Erasures:
        """Record erasures, durably, or what more is known of them; all that are recorded then."""
        return self._eraser.record(erasures)

    def sweep_erased(self, erasures: Erasures, sources: Iterable[SourcePlan] = (), *, rewrite: bool) -> Swept:
        """Look through every file for rows of forgotten entities, and write those files anew that have some.

        Workers may write meanwhile, and merge files; a row is gone for certain once a later look finds none.
        ``sources`` read records of binary formats that were refused; those of topics without one are taken for text.
        """
        by_topic: dict[str, list[SourcePlan]] = {}
        for source in sources:
            by_topic.setdefault(source.topic, []).append(source)
        readers = {topic: open_names(declared, self.schemas) for topic, declared in by_topic.items()}
        binary = {topic: reader for topic, reader in readers.items() if reader is not None}
        return sweep(self._files, erasures, binary, rewrite=rewrite)

    def expire(self, topic: str, before_us: int) -> Expired:
        """Drop whole files of a topic whose records are all older; an empty one covers their offsets."""
        return expire(self._files, topic, before_us)

    def dropped_until_us(self, topic: str) -> int | None:
        """Newest time among the records of a topic that were dropped; None where none were."""
        return dropped_until_us(self._files, topic)

    def tips(self, topic: str) -> dict[str, dict[int, int]]:
        """Per log and partition the offset after the last that any file covers, gaps before it or not."""
        found: dict[str, dict[int, int]] = {}
        for place in self._files.places(topic):
            listed = self._files.of(place)
            found.setdefault(place.log, {})[place.partition] = max((file.next for file in listed), default=0)
        return found

    def topics(self) -> list[str]:
        """Topics that the lake holds records of."""
        return sorted({place.topic for place in self._files.places()})

    def logs(self, topic: str) -> dict[str, list[int]]:
        """Partitions of each log of a topic that the lake holds records of."""
        found: dict[str, list[int]] = {}
        for place in self._files.places(topic):
            found.setdefault(place.log, []).append(place.partition)
        return found

    def read(
        self,
        source: SourcePlan,
        *,
        upto: Mapping[Partition, int] | None = None,
        valid_only: bool = True,
        keep: Callable[[pa.Table], pa.Table] | None = None,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        """Rows of a topic, each offset once, in the order (log, partition, offset).

        Parameters
        ----------
        source
            The declaration that decides which rows are valid, and their columns. Files that were written under
            another one are decoded anew from the raw values.
        upto
            Last offset wanted of each partition; partitions that are not named are left out. None: everything.
        valid_only
            Leave dead letters out.
        keep
            Takes the wanted rows of each file's, so that no more than these and one file are in memory. None: all.
        columns
            Declared columns wanted, sent, derived or masked. The others, ``value``, ``crc`` and ``redrive_of`` are not
            in the result, nor decoded where a file was written under this declaration and no erasure is pending; its
            bytes are read whole. None: all.

        Returns
        -------
        pyarrow.Table
            ``log``, ``partition``, ``offset``, ``kafka_us``, ``event_us``, ``value``, ``crc`` (of the record as it
            was read), ``reason``, ``redrive_of`` (the dead letter that the record repeats), then the declared columns
            as they were sent, under `declared_name`.

        Raises
        ------
        LakeCorruptError
            A file that is needed is cut short, damaged, foreign or renamed, or lacks a column of its declaration.

        """
        pieces = [
            Piece(place, 0, None if upto is None else upto.get((place.log, place.partition), -1) + 1)
            for place in self._files.places(source.topic)
        ]
        return self._read(source, pieces, valid_only=valid_only, keep=keep, columns=columns)

    def pieces(self, topic: str, rows: int) -> list[Piece]:
        """What the lake covers of a topic, in pieces of whole files and about so many offsets, in the order of `read`.

        Read one by one with `read_piece`, in other processes too, they make up what `read` gives now, whatever is
        written meanwhile.
        """
        found: list[Piece] = []
        for place in self._files.places(topic):
            files = self._files.of(place)
            cuts = [files[0].first] if files else []
            for file in files:
                if file.next - cuts[-1] > rows and file.first > cuts[-1]:
                    cuts.append(file.first)
            cuts += [max(file.next for file in files)] if files else []
            found += [Piece(place, first, following) for first, following in pairwise(cuts)]
        return found

    def read_piece(self, source: SourcePlan, piece: Piece, columns: Collection[str] | None = None) -> pa.Table:
        """The valid rows of a piece, as `read` gives them."""
        return self._read(source, [piece], columns=columns)

    def _read(
        self,
        source: SourcePlan,
        pieces: Iterable[Piece],
        *,
        valid_only: bool = True,
        keep: Callable[[pa.Table], pa.Table] | None = None,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        """Rows of these pieces of a topic, one after the other."""
        decoder, pending = Decoder(source, self.schemas), self._eraser.erasures().pending()
        names = None if columns is None else columns_of(source, columns)
        tables = [table_schema(source, names).empty_table()]
        for piece in pieces:
            use = partial(_uncovered, self._files, piece, pending, decoder=decoder, keep=keep, names=names)
            for table in self._files.use(piece.place, use):  # filtered one by one: the whole is never in memory twice
                reasons = table.column("reason")
                some = valid_only and reasons.null_count < len(table)
                kept = table.filter(pc.is_null(reasons)) if some else table
                tables.append(place_rows(kept, piece.place.log, piece.place.partition))
        return with_masks(source, pa.concat_tables(tables).unify_dictionaries(), columns)

    def read_erased(self, source: SourcePlan, erasures: Erasures) -> pa.Table:
        """Valid rows of a topic that these erasures leave out, as far as the lake's files still show them."""
        decoder = Decoder(source, self.schemas)
        tables = [table_schema(source).empty_table()]
        for place in self._files.places(source.topic):
            rows = self._files.use(
                place, partial(_uncovered, self._files, Piece(place, 0, None), NO_ERASURES, decoder=decoder)
            )
            found = (table.take(find_rows(erasures, place, table).rows) for table in rows)
            tables += [place_rows(table, place.log, place.partition) for table in found]
        table = pa.concat_tables(tables).unify_dictionaries()
        return table.filter(pc.is_null(table.column("reason")))

    def gaps(self, topic: str) -> list[Finding]:
        """Offsets of a topic that no file covers, from the first that the lake ever held to the last."""
        return [
            gap
            for place in self._files.places(topic)
            for gap in self._files.use(place, partial(gaps_of, self._files, place))
        ]

    def check(self, topic: str, *, source: SourcePlan | None = None) -> list[Finding]:
        """Everything that is wrong with a topic's rows; reads all of them.

        Parameters
        ----------
        topic
            The topic to check.
        source
            With its declaration, rows stored under it are also compared with what their raw values decode to.

        Returns
        -------
        list of Finding
            By log, partition and offset; empty when the lake is sound. Files that overlap are no finding while
            they agree: a reader that started again wrote them.

        Raises
        ------
        LakeCorruptError
            A file is cut short, damaged, foreign or renamed.

        """
        decoder = None if source is None else Decoder(source, self.schemas)
        findings: list[Finding] = []
        for place in self._files.places(topic):
            findings += self._files.use(place, partial(check_place, self._files, place, decoder=decoder))
        return findings

    def sql(self, sources: Iterable[SourcePlan]) -> duckdb.DuckDBPyConnection:
        """Connect DuckDB to the valid events: one view a topic, under the declared column names.

        Parameters
        ----------
        sources
            Declarations of the topics wanted.

        Returns
        -------
        duckdb.DuckDBPyConnection
            In memory, in time zone UTC; timestamps are TIMESTAMPTZ. The caller closes it.

        """
        import duckdb  # the worker writes the lake and never asks it in SQL

        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        for source in sources:
            names = [column.name for column in source.stored]
            events = self.read(source, columns=names)
            connection.register(
                source.topic, events.select([declared_name(name) for name in names]).rename_columns(names)
            )
        return connection

    def _reader(self, source: SourcePlan) -> RecordNames | None:
        """What tells whom refused records of a source name; None where they are text."""
        if source.records_hash not in self._readers:
            self._readers[source.records_hash] = open_names([source], self.schemas)
        return self._readers[source.records_hash]

    def _proven_end(self, files: list[LakeFile]) -> int | None:
        """End of the first interval covered, once its files have shown their footers; its begin where that is lost."""
        if not files:
            return None
        if (began := self._files.facts(files[0]).began) < files[0].first:
            return began
        end = coverage(files)[0].next
        for file in files:
            if file.first < end:
                self._files.facts(file)
        return end


def _uncovered(
    files: LakeFiles,
    piece: Piece,
    pending: Erasures,
    listed: list[LakeFile],
    decoder: Decoder,
    keep: Callable[[pa.Table], pa.Table] | None = None,
    names: Sequence[str] | None = None,
) -> list[pa.Table]:
    """Of each file the offsets of a piece that those before it do not cover; of their columns those named, or all."""
    ours, schema = decoder.source.records_hash, stored_schema(decoder.source, names)

    def pick(facts: FileFacts) -> Sequence[str] | None:
        return names if facts.source == ours and not len(pending) else None

    tables = []
    covered = piece.first
    for file in listed:
        if file.next <= covered or (piece.next is not None and file.first >= piece.next):
            continue
        facts, stored = files.read(file, pick)
        begin, end = max(file.first, covered), file.next if piece.next is None else min(file.next, piece.next)
        rows = cleaned(pending, piece.place, pick_rows(stored, begin, end))
        if len(rows):
            rows = rows.replace_schema_metadata(None) if facts.source == ours else decode_anew(decoder, rows)
            if names is not None and set(names) <= set(rows.column_names):
                rows = rows.select(names)
            if rows.schema != schema:
                raise LakeCorruptError(file.path, "does not have the columns of its declaration")
            tables.append(rows if keep is None else keep(rows))
        covered = file.next
    return tables


def _refuse_disorder(batch: LakeBatch) -> None:
    offsets = batch.offsets
    ascending = all(map(lt, offsets, islice(offsets, 1, None)))
    within = not offsets or (batch.first <= offsets[0] and offsets[-1] < batch.next_offset)
    if not ascending or not within:
        raise ValueError(f"offsets of a batch that covers {batch.first}-{batch.next_offset} are not ascending in it")
