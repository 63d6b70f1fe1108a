"""The lake: what was appended is read back once, whatever crashed, ran twice or was compacted in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.decode import Decoder
from features.errors import LakeCorruptError, SettingsError, UnavailableError
from features.lake import Lake, LakeBatch, declared_name, open_lake
from features.lake.compaction import FAN_IN
from features.plan import ColumnPlan, SourcePlan

LOG = "AAAAAAAAQACAAAAAAAAAAQ"
OTHER_LOG = "-BBBBBBBQACAAAAAAAAAAQ"
ARRIVED_US = 1_704_067_200_000_000

SOURCE = SourcePlan(
    topic="readings",
    timestamp_column="at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="device", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="value", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="units", type="int32", nullable=True, decimals=0),
        ColumnPlan(name="ok", type="bool", nullable=True),
    ),
)


def record(offset: int) -> bytes | None:
    """What a producer sent at this offset; every seventh is no reading, every eleventh a tombstone."""
    if offset % 11 == 10:
        return None
    if offset % 7 == 6:
        return b"noise"
    second = f"2023-12-31T{offset // 3600 % 24:02}:{offset // 60 % 60:02}:{offset % 60:02}Z"
    return msgspec.json.encode(
        {"device": f"d{offset % 3}", "at": second, "value": offset / 8, "units": None, "ok": True}
    )


def batch(
    offsets: Sequence[int],
    *,
    source: SourcePlan = SOURCE,
    first: int | None = None,
    following: int | None = None,
    record: Callable[[int], bytes | None] = record,
) -> LakeBatch:
    values = [record(offset) for offset in offsets]
    kafka_us = [ARRIVED_US + offset for offset in offsets]
    decoded = Decoder(source).decode(values, kafka_us)
    return LakeBatch(offsets[-1] + 1 if following is None else following, offsets, kafka_us, values, decoded, first)


def append(lake: Lake, first: int, following: int, *, partition: int = 0, log: str = LOG) -> None:
    lake.append(SOURCE, log, partition, batch(range(first, following)))


def offsets(lake: Lake, *, valid_only: bool = False) -> list[int | None]:
    return lake.read(SOURCE, valid_only=valid_only).column("offset").to_pylist()


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Tamper with a file and leave its footer's word as it was."""
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


@pytest.fixture(params=["local", "object store"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "local":
        return open_lake(str(tmp_path))
    return Lake(pafs._MockFileSystem(), "bucket/lake")


def test_every_record_is_one_row(lake: Lake) -> None:
    """Valid and refused records come back with position, times, raw value and columns."""
    lake.append(SOURCE, LOG, 2, batch(range(5, 8)))
    rows = lake.read(SOURCE, valid_only=False).to_pylist()
    assert [row["offset"] for row in rows] == [5, 6, 7]
    at = rows[0].pop("at")
    assert at.isoformat() == "2023-12-31T00:00:05+00:00"
    assert rows[0] == {
        "log": LOG,
        "partition": 2,
        "offset": 5,
        "kafka_us": ARRIVED_US + 5,
        "event_us": ARRIVED_US - 86_400_000_000 + 5_000_000,
        "value": record(5),
        "reason": None,
        "crc": 512020124,
        "redrive_of": None,
        "device": "d2",
        "value_declared": 0.625,
        "units": None,
        "ok": True,
    }
    assert rows[1]["reason"].startswith("not_decodable: ")
    assert (rows[1]["value"], rows[1]["event_us"], rows[1]["device"]) == (b"noise", None, None)
    assert offsets(lake, valid_only=True) == [5, 7]


def test_an_empty_lake_is_empty(lake: Lake) -> None:
    """Nothing was appended: no topics, no end, no rows, but all columns."""
    assert lake.topics() == []
    assert lake.logs("readings") == {}
    assert lake.end("readings", LOG, 0) is None
    assert lake.check("readings") == lake.gaps("readings") == []
    assert lake.read(SOURCE).schema.names[-3:] == ["value_declared", "units", "ok"]


def test_topics_logs_and_ends_are_listed(lake: Lake) -> None:
    """Partitions of all logs, each with the end of its covered prefix."""
    append(lake, 0, 5)
    append(lake, 7, 9, partition=10, log=OTHER_LOG)
    append(lake, 3, 4, partition=2, log=OTHER_LOG)
    assert lake.topics() == ["readings"]
    assert lake.logs("readings") == {LOG: [0], OTHER_LOG: [2, 10]}
    assert [lake.end("readings", *place) for place in [(LOG, 0), (OTHER_LOG, 10), (OTHER_LOG, 0)]] == [5, 9, None]
    positions = lake.read(SOURCE, valid_only=False).select(["log", "partition", "offset"]).to_pydict()
    assert list(zip(*positions.values(), strict=True)) == [
        (OTHER_LOG, 2, 3),
        (OTHER_LOG, 10, 7),
        (OTHER_LOG, 10, 8),
        *((LOG, 0, offset) for offset in range(5)),
    ]


def test_upto_takes_the_last_offset_of_each_partition(lake: Lake) -> None:
    """Offsets at or below it; nothing of partitions that are not named."""
    append(lake, 0, 5)
    append(lake, 5, 9)
    append(lake, 0, 9, partition=1)

    def upto(last: dict[tuple[str, int], int]) -> list[int | None]:
        return lake.read(SOURCE, upto=last, valid_only=False).column("offset").to_pylist()

    assert upto({(LOG, 0): 5, (OTHER_LOG, 1): 3}) == [0, 1, 2, 3, 4, 5]
    assert upto({(LOG, 0): -1}) == upto({}) == []


def test_offsets_without_a_record_are_no_gap_where_the_reader_passed_them(lake: Lake) -> None:
    """A transaction's marker takes an offset and is no record."""
    lake.append(SOURCE, LOG, 0, batch([0, 1, 3], following=5))
    lake.append(SOURCE, LOG, 0, batch([7, 8], first=5))
    lake.append(SOURCE, LOG, 0, LakeBatch(12, [], [], [], Decoder(SOURCE).decode([], []), 9))
    lake.append(SOURCE, LOG, 0, LakeBatch(12, [], [], [], Decoder(SOURCE).decode([], [])))
    assert lake.end("readings", LOG, 0) == 12
    assert lake.check("readings", source=SOURCE) == []
    assert offsets(lake) == [0, 1, 3, 7, 8]


@pytest.mark.parametrize("wrong", [[2, 1], [1, 1], [1, 9]])
def test_a_batch_in_disorder_is_refused(lake: Lake, wrong: list[int]) -> None:
    """Offsets ascend and stay below the next offset."""
    with pytest.raises(ValueError, match="not ascending"):
        lake.append(SOURCE, LOG, 0, batch(wrong, following=5))
    assert lake.topics() == []


def test_a_gap_shows_and_the_end_stays_before_it(lake: Lake) -> None:
    """Reading goes on behind a gap; the end does not, so that a worker reads the missing offsets again."""
    append(lake, 0, 4)
    append(lake, 6, 9)
    assert lake.end("readings", LOG, 0) == 4
    assert offsets(lake) == [0, 1, 2, 3, 6, 7, 8]
    (gap,) = lake.gaps("readings")
    assert str(gap) == f"gap: readings {LOG}/0 offsets 4 to 5"
    assert lake.check("readings", source=SOURCE) == [gap]
    append(lake, 4, 9)
    assert lake.end("readings", LOG, 0) == 9
    assert lake.check("readings", source=SOURCE) == []


@pytest.mark.parametrize("n_files", [3, FAN_IN + 2], ids=["as written", "compacted"])
def test_a_first_file_that_is_lost_shows_as_a_gap(tmp_path: Path, n_files: int) -> None:
    """Every file knows where the partition began, whoever writes it; the end goes back there, to be read again."""
    for i in range(n_files):
        append(open_lake(str(tmp_path)), 10 + 2 * i, 12 + 2 * i)
    lake = open_lake(str(tmp_path))
    assert lake.gaps("readings") == []
    first = min((tmp_path / "readings").rglob("*.parquet"))
    lost = int(first.stem.split("-")[1])
    first.unlink()
    (gap,) = lake.gaps("readings")
    assert str(gap) == f"gap: readings {LOG}/0 offsets 10 to {lost - 1}"
    assert lake.check("readings", source=SOURCE) == [gap]
    assert lake.end("readings", LOG, 0) == 10
    append(lake, 10, lost)
    assert lake.check("readings", source=SOURCE) == []
    assert lake.end("readings", LOG, 0) == 10 + 2 * n_files


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1]), st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=3 * FAN_IN
    )
)
@settings(max_examples=40)
def test_rewinds_and_double_writers_add_nothing(appends: list[tuple[int, int, int]]) -> None:
    """Whatever is appended, by two writers, in any order: each offset once, ascending, and the check is content."""
    store = pafs._MockFileSystem()
    writers = [Lake(store, "lake"), Lake(store, "lake")]
    seen: set[int] = set()
    for writer, first, length in appends:
        append(writers[writer], first, first + length)
        seen |= set(range(first, first + length))
    lake = Lake(store, "lake")
    assert offsets(lake) == sorted(seen)
    assert [row["value"] for row in lake.read(SOURCE, valid_only=False).to_pylist()] == [
        record(o) for o in sorted(seen)
    ]
    start = end = min(seen)
    while end in seen:
        end += 1
    assert lake.end("readings", LOG, 0) == end > start
    assert {finding.problem for finding in lake.check("readings", source=SOURCE)} <= {"gap"}
    assert bool(lake.gaps("readings")) == (len(seen) < max(seen) - start + 1)


def test_small_files_are_compacted(tmp_path: Path) -> None:
    """Sixteen neighbours become one, sixteen of those one again, also across a restart; nothing else changes."""
    lake = open_lake(str(tmp_path))
    for offset in range(FAN_IN * FAN_IN + FAN_IN + 3):
        if offset == FAN_IN * FAN_IN - 5:
            lake = open_lake(str(tmp_path))
        append(lake, offset, offset + 1)
    names = [path.name for path in files(tmp_path)]
    assert len(names) == 1 + 1 + 3
    assert names[0] == f"{0:020d}-{FAN_IN * FAN_IN:020d}.parquet"
    assert offsets(lake) == list(range(FAN_IN * FAN_IN + FAN_IN + 3))
    assert lake.check("readings", source=SOURCE) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".parquet"] == []


def test_compaction_does_not_hide_a_row_that_was_taken(tmp_path: Path) -> None:
    """A file that has not the rows it was written with is left as it is, so that `check` goes on naming it."""
    lake = open_lake(str(tmp_path))
    for i in range(FAN_IN - 1):
        append(lake, 2 * i, 2 * i + 2)
    rewrite(files(tmp_path)[3], lambda table: table.slice(1))
    append(lake, 2 * FAN_IN - 2, 2 * FAN_IN)
    assert [(found.problem, found.first) for found in lake.check("readings")] == [("lost", 6)]


def test_a_writer_remembers_no_file_that_it_merged(tmp_path: Path) -> None:
    """What a lake keeps in memory grows with the files that there are, not with all there ever were."""
    lake = open_lake(str(tmp_path))
    for i in range(3 * FAN_IN):
        append(lake, i, i + 1)
    assert len(lake._files._known) == len(files(tmp_path)) == 3


def test_a_reader_beside_a_compacting_writer_misses_nothing(tmp_path: Path) -> None:
    """At every moment a reader sees a prefix at least as long as the one before it."""
    writer, reader = open_lake(str(tmp_path)), open_lake(str(tmp_path))
    append(writer, 0, 1)
    n = FAN_IN * FAN_IN

    def write() -> None:
        for offset in range(1, n):
            append(writer, offset, offset + 1)

    thread = threading.Thread(target=write)
    thread.start()
    seen = 0
    while seen < n:
        alive = thread.is_alive()
        end = reader.end("readings", LOG, 0)
        rows = offsets(reader)
        assert end is not None
        assert rows == list(range(len(rows)))
        assert seen <= end <= len(rows)
        seen = end
        assert alive or seen == n
    thread.join()


def test_a_crash_in_compaction_leaves_copies_that_count_once(tmp_path: Path) -> None:
    """The merged file is there, its parts too: every offset is read once."""
    lake = open_lake(str(tmp_path))
    for offset in range(FAN_IN - 1):
        append(lake, offset, offset + 1)
    parts = {path: path.read_bytes() for path in files(tmp_path)}
    append(lake, FAN_IN - 1, FAN_IN)
    assert len(files(tmp_path)) == 1
    for path, data in parts.items():
        path.write_bytes(data)
    lake = open_lake(str(tmp_path))
    assert offsets(lake) == list(range(FAN_IN))
    assert lake.end("readings", LOG, 0) == FAN_IN
    assert lake.check("readings", source=SOURCE) == []


@pytest.mark.parametrize("kept", [0, 4, 100, -9, -1])
def test_a_file_cut_short_is_named_by_whoever_needs_it(tmp_path: Path, kept: int) -> None:
    """Its name alone proves nothing: end, read and check raise; a writer goes on behind it."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 5)
    append(lake, 5, 9)
    path = files(tmp_path)[1]
    path.write_bytes(path.read_bytes()[:kept])
    calls: list[Callable[[Lake], object]] = [
        lambda lake: lake.end("readings", LOG, 0),
        lambda lake: lake.read(SOURCE),
        lambda lake: lake.check("readings"),
    ]
    for call in calls:
        for reader in (lake, open_lake(str(tmp_path))):
            with pytest.raises(LakeCorruptError, match=path.name):
                call(reader)
    fresh = open_lake(str(tmp_path))
    for offset in range(9, 9 + FAN_IN):
        append(fresh, offset, offset + 1)
    path.unlink()
    assert fresh.end("readings", LOG, 0) == 5
    append(fresh, 5, 9)
    assert fresh.end("readings", LOG, 0) == 9 + FAN_IN


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    """Pages carry checksums."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 200)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(LakeCorruptError, match=path.name):
        open_lake(str(tmp_path)).read(SOURCE)


def test_a_renamed_or_foreign_file_is_found(tmp_path: Path) -> None:
    """The footer must say what the name says."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 5)
    (path,) = files(tmp_path)
    renamed = path.rename(path.with_name(f"{0:020d}-{9:020d}.parquet"))
    with pytest.raises(LakeCorruptError, match="covers 0-5"):
        lake.end("readings", LOG, 0)
    pq.write_table(pa.table({"offset": [1]}), renamed)
    with pytest.raises(LakeCorruptError, match="was not written by Millstream"):
        lake.read(SOURCE)


def test_an_event_deleted_doubled_moved_or_changed_in_a_file_is_found(tmp_path: Path) -> None:
    """Each is named with its offset; what readers can make good counts once and in order."""

    def tampered(change: Callable[[pa.Table], pa.Table]) -> tuple[list[str], list[int | None]]:
        lake = open_lake(str(tmp_path / change.__name__))
        append(lake, 10, 20)
        (path,) = files(tmp_path / change.__name__)
        rewrite(path, change)
        lake = open_lake(str(tmp_path / change.__name__))
        found = [
            f"{finding.problem} {finding.first}-{finding.next}" for finding in lake.check("readings", source=SOURCE)
        ]
        return found, offsets(lake)

    def delete(table: pa.Table) -> pa.Table:
        return table.take([0, 1, 2, 5, 6, 7, 8, 9])

    def double(table: pa.Table) -> pa.Table:
        return table.take([0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9])

    def double_at_the_end(table: pa.Table) -> pa.Table:
        return table.take([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3])

    def swap(table: pa.Table) -> pa.Table:
        return table.take([0, 1, 2, 4, 3, 5, 6, 7, 8, 9])

    def change_value(table: pa.Table) -> pa.Table:
        values = table.column("value").to_pylist()
        values[4] = record(15)
        return table.set_column(table.schema.names.index("value"), table.schema.field("value"), [values])

    def change_column(table: pa.Table) -> pa.Table:
        values = table.column("units").to_pylist()
        values[4] = 7
        return table.set_column(table.schema.names.index("units"), table.schema.field("units"), [values])

    def misplace(table: pa.Table) -> pa.Table:
        moved = table.column("offset").to_pylist()
        moved[9] = 25
        return table.set_column(0, table.schema.field("offset"), [moved])

    whole = list(range(10, 20))
    assert tampered(delete) == (["lost 13-15"], [10, 11, 12, 15, 16, 17, 18, 19])
    assert tampered(double) == (["doubled 13-14"], whole)
    assert tampered(double_at_the_end) == (["doubled 13-14", "out_of_order 13-14"], whole)
    assert tampered(swap) == (["out_of_order 13-14"], whole)
    assert tampered(change_value) == (["altered 14-15"], whole)
    assert tampered(change_column) == (["altered 14-15"], whole)
    assert tampered(misplace) == (["altered 25-26", "misplaced 25-26"], whole[:-1])


def test_a_changed_record_shows_without_its_declaration(tmp_path: Path) -> None:
    """Its checksum is of the record as it was read, whatever plan asks, or none."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 6)
    rewrite(
        files(tmp_path)[0],
        lambda table: table.set_column(
            table.schema.names.index("value"),
            table.schema.field("value"),
            [[record(0), record(1), record(5), *map(record, range(3, 6))]],
        ),
    )
    other = msgspec.structs.replace(SOURCE, columns=SOURCE.columns[:2])
    for source in (None, SOURCE, other):
        (finding,) = lake.check("readings", source=source)
        assert (finding.problem, finding.first, finding.next) == ("altered", 2, 3)
    rewrite(files(tmp_path)[0], lambda table: table.drop_columns(["crc"]))
    assert [(f.problem, f.first, f.next) for f in lake.check("readings")] == [("altered", 0, 6)]


def test_a_file_without_the_columns_of_its_declaration_is_corrupt(tmp_path: Path) -> None:
    """A dropped column is not read as null."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 5)
    rewrite(files(tmp_path)[0], lambda table: table.drop_columns(["units"]))
    for columns in (None, ["units"]):
        with pytest.raises(LakeCorruptError, match="columns"):
            lake.read(SOURCE, columns=columns)
    assert [finding.problem for finding in lake.check("readings", source=SOURCE)] == ["altered"]


def test_two_files_that_disagree_on_a_record_are_found(tmp_path: Path) -> None:
    """Overlaps are fine while they agree."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 8)
    lake.append(SOURCE, LOG, 0, batch(range(4, 10), record=lambda offset: record(offset + (offset == 5))))
    (finding,) = lake.check("readings", source=SOURCE)
    assert (finding.problem, finding.first, finding.next) == ("conflict", 5, 6)


def test_files_of_another_declaration_are_decided_anew(lake: Lake) -> None:
    """The reader's plan decides validity and columns, from the raw value."""
    append(lake, 0, 6)
    strict = msgspec.structs.replace(
        SOURCE,
        columns=(*SOURCE.columns[:2], ColumnPlan(name="units", type="int32", nullable=False, decimals=0)),
    )
    assert lake.read(strict).num_rows == 0
    rows = lake.read(strict, valid_only=False).to_pylist()
    assert {row["reason"] for row in rows} == {"schema_breach: column units: Expected `int`, got `null`"}
    loose = msgspec.structs.replace(SOURCE, columns=SOURCE.columns[:2])
    assert lake.read(loose).column("device").to_pylist() == ["d0", "d1", "d2", "d0", "d1", "d2"]
    assert lake.check("readings", source=strict) == []


def test_sql_sees_the_valid_events_of_each_topic(lake: Lake) -> None:
    """One view a topic, declared names, times with zone UTC; a topic's name may need quotes."""
    dotted = msgspec.structs.replace(SOURCE, topic="shop.readings-v1")
    append(lake, 0, 8)
    lake.append(dotted, LOG, 0, batch(range(3)))
    with lake.sql([SOURCE, dotted]) as connection:
        rows = connection.sql(
            'SELECT device, sum(value), max("at")::VARCHAR, typeof(any_value("at")) '
            "FROM readings GROUP BY device ORDER BY device"
        ).fetchall()
        assert connection.sql('SELECT count(*) FROM "shop.readings-v1"').fetchall() == [(3,)]
    kind = "TIMESTAMP WITH TIME ZONE"
    assert rows == [
        ("d0", 3 / 8, "2023-12-31 00:00:03+00", kind),
        ("d1", (1 + 4 + 7) / 8, "2023-12-31 00:00:07+00", kind),
        ("d2", (2 + 5) / 8, "2023-12-31 00:00:05+00", kind),
    ]


def test_a_disk_that_refuses_is_a_neighbour_that_is_down(tmp_path: Path) -> None:
    """Not corruption: the same append succeeds once the disk is back."""
    blocked = tmp_path / "lake"
    blocked.write_text("a file where the folder belongs")
    lake = open_lake(str(blocked))
    with pytest.raises(UnavailableError, match="lake"):
        append(lake, 0, 3)
    blocked.unlink()
    append(lake, 0, 3)
    assert offsets(lake) == [0, 1, 2]


def test_a_lake_opens_by_url(tmp_path: Path) -> None:
    """A file URL is a local folder: written with fsync and rename."""
    append(open_lake(f"file://{tmp_path}"), 0, 3)
    assert offsets(open_lake(str(tmp_path))) == [0, 1, 2]


@pytest.mark.parametrize("wanted", [[], ["units"], ["value", "ok", "device"]])
def test_columns_that_are_not_wanted_are_left_out(lake: Lake, wanted: list[str]) -> None:
    """The rows are the same, under this declaration and under another; the raw values are not there."""
    for first in range(0, 100, 20):
        append(lake, first, first + 20)
    other = msgspec.structs.replace(SOURCE, max_ahead_us=1)
    for source in (SOURCE, other):
        whole, part = lake.read(source), lake.read(source, columns=wanted)
        named = [declared_name(column.name) for column in SOURCE.columns if column.name in wanted]
        assert part.column_names == ["log", "partition", "offset", "kafka_us", "event_us", "reason", *named]
        assert part.equals(whole.select(part.column_names))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=12), st.integers(1, 30))
@settings(max_examples=30)
def test_pieces_make_up_the_topic(written: list[tuple[int, int]], rows: int) -> None:
    """Whatever files overlap, each offset is in one piece, from the same file, in the same order."""
    lake = Lake(pafs._MockFileSystem(), "bucket/lake")
    for at, (first, n) in enumerate(written):
        lake.append(SOURCE, (LOG, OTHER_LOG)[at % 2], at % 3, batch(range(first, first + n)))
    pieces = lake.pieces("readings", rows)
    whole = lake.read(SOURCE)
    read = [lake.read_piece(SOURCE, piece) for piece in pieces]
    assert (pa.concat_tables(read).to_pylist() if read else []) == whole.to_pylist()


@pytest.mark.parametrize("url", ["ftpx://me:sesame@place/lake", "s3://bucket/lake?speed=high"])
def test_a_url_that_is_no_place_is_refused(url: str) -> None:
    """By the setting's name; what the URL holds is not repeated."""
    with pytest.raises(SettingsError, match="MILLSTREAM_LAKE__URL: is no place") as refused:
        open_lake(url)
    assert "sesame" not in str(refused.value)
