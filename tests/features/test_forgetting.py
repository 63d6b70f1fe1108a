"""Forgetting an entity: all of it goes from store and lake, a run cut off is finished by the next, the rest stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from features.agreement import agree_on_erasures
from features.bootstrap import bootstrap_view, ensure_births, fold_lake
from features.clock import SystemClock
from features.decode import Decoder
from features.erasure import ERASED, Erasure, Erasures, hash_entity, named_in
from features.errors import RequestError, SettingsError, StoreUnavailableError, UnavailableError
from features.feast_layout import encode_timestamp, entity_key, field_name, read_key, state_field, timestamp_field
from features.forgetting import Forgetter, Forgotten, Neighbours
from features.formats.encoding import open_encoder
from features.kernels import open_kernel
from features.lake import Lake, LakeBatch, open_lake
from features.lake.erasing import Eraser
from features.lake.files import LakeFiles
from features.lake.sweep import Swept
from features.memory_store import MemoryStore
from features.nouns import SCORES_SOURCE, SCORES_TOPIC, ScoreRecord
from features.plan import EntityKeyPlan, Plan, SourcePlan, ViewPlan
from features.state import era_of
from features.verify import verify
from tests.features.orders import AT as ORDERED_AT
from tests.features.orders import AVRO_SOURCE, proto_source, row
from tests.features.strategies import LOGS
from tests.features.test_verify import JUDGE, OTHER, PLAN, SOURCE, START_US, VIEW, World, event, write

KEY = b"k" * 32
D3 = {"device": "d3"}


def site_lake(folder: Path) -> Lake:
    return open_lake(str(folder), lambda: KEY)


def ends(topics: Sequence[str]) -> dict[str, dict[str, dict[int, int]]]:
    """A broker that holds nothing the lake does not."""
    return {topic: {} for topic in topics}


def forgetter(store: MemoryStore, lake: Lake, *plans: Plan) -> Forgetter:
    neighbours = Neighbours(store=store, lake=lake, read_ends=ends, clock=SystemClock())
    return Forgetter(plans or [PLAN], neighbours, key=KEY, settle_s=0.0)


async def filled(folder: Path) -> tuple[World, MemoryStore]:
    """A lake with events, dead letters and scores, and a store born from it."""
    world = World(folder)
    world.values[50:52] = [b'{"device": "d3", "level": []}', b'{"device": "d3", "lev']
    world.serve()
    world.lake = site_lake(folder)
    world.fill_lake()
    store = MemoryStore()
    await store.connect()
    await ensure_births(store, world.lake, PLAN)
    return world, store


def bytes_of(lake_folder: Path) -> bytes:
    return b"".join(repr(pq.read_table(path).to_pylist()).encode() for path in lake_folder.rglob("*.parquet"))


async def states(store: MemoryStore) -> dict[str, bytes]:
    (birth,) = (await store.read_certificate()).births
    found = {}
    for key in await store.read_entity_keys():
        entity = read_key(key, PLAN.project)
        assert entity is not None
        found[str(entity["device"])] = (await store.read_entity(key))[state_field("levels", birth.id)]
    return found


def whole(found: Forgotten) -> bool:
    return found.proven and found.files_searched > 0 and found.keys_searched > 0


async def test_an_entity_goes_and_all_others_verify(tmp_path: Path) -> None:
    """Its events, refused records, scores and state; no gap shows, and every other record is still proven."""
    world, store = await filled(tmp_path)
    before = await states(store)
    mine = sum(b'"d3"' in value for value in world.values)
    scores = sum(record.entity == D3 for record in world.records)
    found = await forgetter(store, world.lake).forget(D3)
    assert whole(found)
    assert found.rows_erased == mine + scores
    assert b"'d3'" not in bytes_of(tmp_path)
    assert b'"d3"' not in bytes_of(tmp_path)
    after = await states(store)
    del before["d3"]
    assert after == before
    lake = open_lake(str(tmp_path), lambda: KEY)
    assert lake.check("readings", source=SOURCE) == lake.check(SCORES_TOPIC, source=SCORES_SOURCE) == []
    rows = lake.read(SOURCE, valid_only=False).to_pylist()
    assert [row["offset"] for row in rows] == list(range(len(world.values)))
    assert {(row["value"], row["device"], row["event_us"]) for row in rows if row["reason"] == ERASED} == {
        (None, None, None)
    }
    report = verify(lake, JUDGE)
    assert report.proven
    assert report.checked == len(world.records) - scores


async def test_events_after_the_erasure_are_a_new_entity_s(tmp_path: Path) -> None:
    """The fold begins anew behind the ends, in the entity's next life; forgotten once more, it has a third."""
    world, store = await filled(tmp_path)
    for era in (1, 2):
        await forgetter(store, world.lake).forget(D3)
        later = [event(3, 20_000 + era, 5.0)]
        decoded_at = len(world.values)
        world.values += later
        append_at(world.lake, decoded_at, later)
        made = await bootstrap_view(store, world.lake, PLAN, VIEW)
        (state,) = await store.read_states("levels", made.birth.id, [entity_key("plant", VIEW.keys, ["d3"])])
        assert state is not None
        assert era_of(state) == era
        assert open_kernel(VIEW, SOURCE).decode(state).positions == {(LOGS[0], 0): decoded_at}


@pytest.mark.parametrize("materialized_since", [True, False])
async def test_what_stands_of_a_new_life_stays(tmp_path: Path, *, materialized_since: bool) -> None:
    """Feast's fields of a birth that the forgetting plan does not know, and what was materialized since then."""
    world, store = await filled(tmp_path)
    await forgetter(store, world.lake).forget(D3)
    append_at(world.lake, len(world.values), [event(3, 20_001, 5.0)])
    await bootstrap_view(store, world.lake, PLAN, VIEW)
    key = entity_key("plant", VIEW.keys, ["d3"])
    at_us = SystemClock().now_us() + 3_600_000_000 if materialized_since else START_US
    batch = {timestamp_field("prices"): encode_timestamp(at_us), field_name("prices", "best"): b"x"}
    store.shards.of(key).write(key, batch)
    before = await store.read_entity(key)
    assert len(before) == 2 + len(VIEW.features) + len(batch)
    other = msgspec.structs.replace(VIEW, name="others", features=VIEW.features[:1])
    found = await forgetter(store, world.lake, msgspec.structs.replace(PLAN, views=(other,))).carry_out_again()
    assert whole(found)
    gone = {} if materialized_since else batch
    assert await store.read_entity(key) == {name: word for name, word in before.items() if name not in gone}


async def test_what_feast_shows_of_the_old_life_goes(tmp_path: Path) -> None:
    """Though another birth of the view, which Feast's fields do not show, has a state of the new one already."""
    world, store = await filled(tmp_path)
    other = msgspec.structs.replace(VIEW, hash="aa" * 8)
    plan = msgspec.structs.replace(PLAN, views=(other,))
    (made,) = await ensure_births(store, world.lake, plan, serving=False)
    key = entity_key("plant", VIEW.keys, ["d3"])
    kernel = open_kernel(other, SOURCE)
    fresh = kernel.new_state(1)
    decoded = Decoder(SOURCE).decode([event(3, 1, 2.0)], [START_US])
    assert decoded.columns[0] is not None
    kernel.apply(fresh, (LOGS[0], 0), 900, decoded.event_us[0], decoded.columns[0])
    mine = state_field("levels", made.birth.id)
    store.shards.of(key).write(key, {mine: kernel.encode(fresh)})
    assert whole(await forgetter(store, world.lake, plan).forget(D3))
    assert list(await store.read_entity(key)) == [mine]


def append_at(lake: Lake, first: int, values: list[bytes]) -> None:
    kafka_us = [START_US] * len(values)
    decoded = Decoder(SOURCE).decode(values, kafka_us)
    offsets = range(first, first + len(values))
    lake.append(SOURCE, LOGS[0], 0, LakeBatch(offsets.stop, offsets, kafka_us, values, decoded))


class CutOffError(Exception):
    """The process ends here."""


@pytest.mark.faults
@pytest.mark.parametrize("step", ["record_erasures", "tips", "sweep_erased"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_cut_off_at_the_lake_it_is_finished_by_the_next_run(tmp_path: Path, step: str, nth: int) -> None:
    """Before or behind each step of the lake; from the record on, every reader leaves the entity out meanwhile."""
    world, store = await filled(tmp_path)
    calls = 0

    class Mortal(Lake):
        pass

    def dying(self: Lake, *arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        done = getattr(Lake, step)(self, *arguments, **options) if nth != 1 or calls > 1 else None
        if calls == nth:
            raise CutOffError
        return done

    setattr(Mortal, step, dying)
    mortal = Mortal(pafs.LocalFileSystem(), str(tmp_path), lambda: KEY)
    try:
        await forgetter(store, mortal).forget(D3)
    except CutOffError:
        recorded = world.lake.erasures().records
        if recorded:
            assert "d3" not in world.lake.read(SOURCE).column("device").to_pylist()
    lake = site_lake(tmp_path)
    found = await forgetter(store, lake).forget(D3)
    assert whole(found)
    assert b"d3'" not in bytes_of(tmp_path)
    assert "d3" not in await states(store)
    assert verify(lake, JUDGE).proven


@pytest.mark.faults
@pytest.mark.parametrize("n_writes", range(1, 5))
async def test_cut_off_at_the_store_it_is_finished_without_its_name(tmp_path: Path, n_writes: int) -> None:
    """What is recorded can be carried out by anyone who holds the key, for the record alone finds the entity."""
    world, store = await filled(tmp_path)
    store.cut_after(n_writes)
    try:
        await forgetter(store, world.lake).forget(D3)
    except StoreUnavailableError:
        await store.connect()
    found = await forgetter(store, world.lake).carry_out_again()
    assert whole(found)
    assert len(found.erasures) == 1
    assert "d3" not in await states(store)
    assert verify(world.lake, JUDGE).proven


@pytest.mark.faults
async def test_one_who_is_forgotten_meanwhile_is_not_taken_for_carried_out(tmp_path: Path) -> None:
    """Another run, on another host, has recorded it and not yet made the others' states anew: it stays to be done."""
    world, store = await filled(tmp_path)
    other = Erasure(
        id="other",
        keys=("device",),
        hash=hash_entity(KEY, {"device": "d4"}),
        at_us=1,
        ends={"readings": {LOGS[0]: {0: 400}}},
    )

    class Crowded(Lake):
        def sweep_erased(self, erasures: Erasures, sources: Iterable[SourcePlan] = (), *, rewrite: bool) -> Swept:
            world.lake.record_erasures([other])
            return super().sweep_erased(erasures, sources, rewrite=rewrite)

    found = await forgetter(store, Crowded(pafs.LocalFileSystem(), str(tmp_path), lambda: KEY)).forget(D3)
    assert whole(found)
    assert {record.id: record.carried_out for record in world.lake.erasures().records} == {
        "other": False,
        found.erasures[0].id: True,
    }


@pytest.mark.faults
def test_a_record_that_is_overwritten_is_missed(tmp_path: Path) -> None:
    """Whoever writes last wins on an object store; the one who lost is told to run again."""
    lake, other = site_lake(tmp_path), site_lake(tmp_path)
    mine, theirs = (Erasure(id=name, keys=("device",), hash="0" * 64, at_us=1, ends={}) for name in ("mine", "theirs"))
    other.record_erasures([theirs])
    stale = (tmp_path / "erasures.json").read_bytes()

    class Losing(Eraser):
        def erasures(self) -> Erasures:
            known = super().erasures()
            if "mine" in known.ids:
                (tmp_path / "erasures.json").write_bytes(stale)
                return super().erasures()
            return known

    files = LakeFiles(pafs.LocalFileSystem(), str(tmp_path))
    with pytest.raises(UnavailableError, match=r"lacks mine"):
        Losing(files, lambda: KEY).record([mine])
    assert [record.id for record in lake.erasures().records] == ["theirs"]


@pytest.mark.faults
async def test_a_lake_brought_back_from_an_old_copy_learns_from_the_store(tmp_path: Path) -> None:
    """Its readers leave the entity out at once, and its files are cleaned when the erasures are carried out again."""
    folder, copy = tmp_path / "lake", tmp_path / "copy"
    world, store = await filled(folder)
    shutil.copytree(folder, copy)
    await forgetter(store, world.lake).forget(D3)
    lake = site_lake(copy)
    assert "d3" in lake.read(SOURCE).column("device").to_pylist()
    erasures = await agree_on_erasures(store, lake, PLAN)
    assert len(erasures) == 1
    assert "d3" not in lake.read(SOURCE).column("device").to_pylist()
    assert b"'d3'" in bytes_of(copy)
    assert whole(await forgetter(store, lake).carry_out_again())
    assert b"'d3'" not in bytes_of(copy)


@pytest.mark.faults
async def test_a_store_that_lost_everything_learns_from_the_lake(tmp_path: Path) -> None:
    """A birth made from the lake raises its erasures: writers who do not know them are refused again."""
    world, store = await filled(tmp_path)
    await forgetter(store, world.lake).forget(D3)
    store.shards.flush()
    await ensure_births(store, world.lake, PLAN)
    certificate = await store.read_certificate()
    assert [erasure.hash for erasure in certificate.erasures] == [hash_entity(KEY, D3)]
    assert "d3" not in await states(store)


def test_rows_written_late_and_merged_files_show_nothing(tmp_path: Path) -> None:
    """A writer that began before the erasure, and files that it merges, are held to it all the same."""
    lake = site_lake(tmp_path)
    write(lake, SOURCE, LOGS[0], [event(3, 1, 1.0)])
    erasure = Erasure(
        id="e", keys=("device",), hash=hash_entity(KEY, D3), at_us=1, ends={"readings": {LOGS[0]: {0: 30}}}
    )
    lake.record_erasures([erasure])
    for offset in range(1, 40):
        append_at(lake, offset, [event(3, offset, 1.0)])
    assert lake.read(SOURCE).column("offset").to_pylist() == list(range(30, 40))
    swept = lake.sweep_erased(lake.erasures(), rewrite=False)
    assert swept.rows == 0
    assert lake.check("readings", source=SOURCE) == []


def test_erasures_without_their_key_stop_every_reader(tmp_path: Path) -> None:
    """Rather than take a forgotten entity for one that may be read."""
    lake = site_lake(tmp_path)
    write(lake, SOURCE, LOGS[0], [event(3, 1, 1.0)])
    lake.record_erasures([Erasure(id="e", keys=("device",), hash="0" * 64, at_us=1, ends={})])
    with pytest.raises(SettingsError, match=r"erasure\.key"):
        open_lake(str(tmp_path)).read(SOURCE)


async def test_a_key_that_the_domain_does_not_have_is_refused(tmp_path: Path) -> None:
    """Nothing is recorded then."""
    world, store = await filled(tmp_path)
    for entity in ({"colour": "red"}, {}):
        with pytest.raises(RequestError):
            await forgetter(store, world.lake).forget(entity)
    assert len(world.lake.erasures()) == 0


LEVELS = msgspec.structs.replace(
    SOURCE,
    columns=tuple(
        msgspec.structs.replace(column, type="int64", nullable=False, decimals=None)
        if column.name == "level"
        else column
        for column in SOURCE.columns
    ),
)
"""The topic with whole numbers as levels, so that a level is a join key as well."""
BY_DEVICE = msgspec.structs.replace(
    VIEW, features=tuple(msgspec.structs.replace(each, function="count", column="at") for each in VIEW.features[:2])
)
BY_LEVEL = msgspec.structs.replace(
    BY_DEVICE, name="by_level", keys=(EntityKeyPlan(name="level", type="int64"),), hash="ff" * 8
)


def plan_of_levels(*views: ViewPlan) -> Plan:
    return msgspec.structs.replace(PLAN, sources=(LEVELS,), views=views, services=())


@pytest.mark.parametrize(
    "plans",
    [
        [plan_of_levels(BY_DEVICE, BY_LEVEL)],
        [plan_of_levels(BY_DEVICE), plan_of_levels(BY_LEVEL), plan_of_levels(BY_LEVEL, BY_DEVICE)],
    ],
    ids=["one plan", "two of three plans"],
)
async def test_other_entities_of_the_same_events_are_made_anew(tmp_path: Path, plans: list[Plan]) -> None:
    """Where two views are fed by one topic, the sums of the one that stays lose what the other's events had added."""
    lake = site_lake(tmp_path)
    values = [event(i % 5, i, i % 3) for i in range(60)] + [event(3, 70, 77)]
    write(lake, LEVELS, LOGS[0], values)
    store = MemoryStore()
    await store.connect()
    made = {each.birth.view: each.birth for plan in plans for each in await ensure_births(store, lake, plan)}
    found = await forgetter(store, lake, *plans).forget(D3)
    assert found.proven
    assert found.states_made_anew == 4
    states, _ = fold_lake(lake.read(LEVELS), BY_LEVEL, LEVELS, PLAN.project, Erasures())
    kernel = open_kernel(BY_LEVEL, LEVELS)
    for number in range(3):
        key = entity_key(PLAN.project, BY_LEVEL.keys, [number])
        (stored,) = await store.read_states("by_level", made["by_level"].id, [key])
        assert stored is not None
        state = kernel.decode(stored)
        assert kernel.finish(state, 10**18) == kernel.finish(states[key], 10**18)
        assert state.rings[0].cells == states[key].rings[0].cells
    gone = entity_key(PLAN.project, BY_LEVEL.keys, [77])
    assert await store.read_states("by_level", made["by_level"].id, [gone]) == [None]


async def test_feast_s_fields_stay_with_the_birth_that_they_show(tmp_path: Path) -> None:
    """Another birth of the view that has nothing of an entity any more leaves them, and takes only its own state."""
    lake, store = site_lake(tmp_path), MemoryStore()
    write(lake, LEVELS, LOGS[0], [event(1, 0, 5), event(2, 1, 77)])
    await store.connect()
    other = msgspec.structs.replace(BY_DEVICE, hash="ee" * 8)
    (shown,) = await ensure_births(store, lake, plan_of_levels(BY_DEVICE))
    (hidden,) = await ensure_births(store, lake, plan_of_levels(other), serving=False)
    key = entity_key(PLAN.project, BY_DEVICE.keys, ["d2"])
    before = await store.read_entity(key)
    await forgetter(store, lake, plan_of_levels(other, BY_LEVEL)).forget({"level": 77})
    del before[state_field("levels", hidden.birth.id)]
    assert await store.read_entity(key) == before
    assert len(before) == len(BY_DEVICE.features) + 2
    assert state_field("levels", shown.birth.id) in before


async def test_a_topic_that_no_plan_reads_any_more_is_cleaned(tmp_path: Path) -> None:
    """As long as the lake holds its rows, whoever is forgotten is among them."""
    world, store = await filled(tmp_path)
    left = msgspec.structs.replace(SOURCE, topic="old_readings")
    write(world.lake, left, LOGS[1], [event(3, 0, 1.0), event(4, 1, 1.0), b'{"device": "d3", "lev'])
    found = await forgetter(store, world.lake).forget(D3)
    assert whole(found)
    assert found.erasures[0].ends["old_readings"] == {LOGS[1]: {0: 3}}
    assert b"d3'" not in bytes_of(tmp_path)
    assert b'"d3"' not in bytes_of(tmp_path)
    assert world.lake.read(left).column("device").to_pylist() == ["d4"]


async def test_a_key_of_any_plan_that_runs_names_somebody(tmp_path: Path) -> None:
    """The serving one need not have it."""
    lake, store = site_lake(tmp_path), MemoryStore()
    write(lake, LEVELS, LOGS[0], [event(1, 0, 5), event(2, 1, 77)])
    await store.connect()
    found = await forgetter(store, lake, plan_of_levels(BY_DEVICE), plan_of_levels(BY_LEVEL)).forget({"level": 77})
    assert (found.proven, found.rows_erased) == (True, 1)


@pytest.mark.parametrize("source", [AVRO_SOURCE, proto_source()], ids=["avro", "protobuf"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("torn", [False, True])
async def test_refused_records_of_binary_formats_are_read(
    tmp_path: Path, source: SourcePlan, *, late: bool, torn: bool
) -> None:
    """As far as their format reads them; one that it does not is no proof of anything. Late writers are held to it."""
    encode = open_encoder(source, lambda *_: 0)
    ahead = ORDERED_AT + timedelta(days=400)
    values = [encode(row(buyer=who, at=at)) for who, at in (("ann", ORDERED_AT), ("ann", ahead), ("bob", ahead))]
    values += [b"\xff\xff\xff"] * torn
    view = msgspec.structs.replace(
        BY_DEVICE,
        topic=source.topic,
        keys=(EntityKeyPlan(name="buyer", type="string"),),
        features=(msgspec.structs.replace(VIEW.features[2], column="price"),),
    )
    plan = msgspec.structs.replace(PLAN, sources=(source,), views=(view,), services=())
    lake, store = site_lake(tmp_path), MemoryStore()
    await store.connect()
    times = [round(ORDERED_AT.timestamp() * 1e6)] * len(values)
    batch = LakeBatch(len(values), range(len(values)), times, values, Decoder(source).decode(values, times))
    assert len(batch.decoded.reasons) == 2 + torn
    lake.append(source, LOGS[0], 0, batch)
    found = await forgetter(store, lake, plan).forget({"buyer": "ann"})
    if late:
        lake.append(source, LOGS[0], 0, batch)
        found = await forgetter(store, lake, plan).carry_out_again()
    assert (found.rows_erased, found.rows_found) == (0 if late else 2, 0)
    assert found.rows_unsearchable > 0 if torn else found.rows_unsearchable == 0
    assert found.proven is not torn
    assert b"ann" not in bytes_of(tmp_path)
    assert b"bob" in bytes_of(tmp_path)


def test_what_a_refused_record_names_is_found_as_far_as_it_decodes() -> None:
    """Whole or cut short, text or number, escaped or not, nested or not."""
    assert list(named_in(b'{"id": "\\u00fc7", "x', ["id"])) == [("ü7",)]
    assert list(named_in('{"a": {"id": "ü7"}}'.encode(), ["id"])) == [("ü7",)]
    assert list(named_in(b'{"id": -7}', ["id"])) == [("-7",)]
    assert list(named_in(b'{"id": "7", "id": "8"}', ["id"])) == [("7",), ("8",)]
    assert list(named_in(b'{"other": "7"}', ["id"])) == []


async def test_scores_that_erased_events_had_gone_into_are_counted_apart(tmp_path: Path) -> None:
    """They are no mismatch and no proof; another mismatch of today is still one, and all other scores are proven."""
    world = World(tmp_path)
    world.serve()
    world.lake = site_lake(tmp_path)
    (record, *_) = [each for each in world.records if each.entity == D3 and each.views[0].positions]
    level = msgspec.json.decode(world.values[record.views[0].positions[0][2]])["level"]
    by_level = msgspec.structs.replace(VIEW, name="by_level", keys=(EntityKeyPlan(name="level", type="string"),))
    plan = msgspec.structs.replace(PLAN, views=(VIEW, by_level))
    world.fill_lake()
    store = MemoryStore()
    await store.connect()
    await bootstrap_view(store, world.lake, plan, VIEW)
    found = await forgetter(store, world.lake, plan).forget({"level": str(level)})
    assert (found.proven, found.states_made_anew) == (True, 1)
    judge = JUDGE._replace(plan=plan)
    report = verify(world.lake, judge)
    assert report.proven
    assert report.erased > 0
    assert report.checked + report.erased == len(world.records)
    late = datetime.fromtimestamp(SystemClock().now_us() / 1e6 + 3_600, tz=UTC)
    append_scores(world.lake, len(world.records), [msgspec.structs.replace(record, scored_at=late)])
    again = verify(world.lake, judge)
    assert (again.mismatched, again.erased) == (1, report.erased)


def append_scores(lake: Lake, first: int, records: Sequence[ScoreRecord]) -> None:
    values = [msgspec.json.encode(record) for record in records]
    kafka_us = [SystemClock().now_us() + 3_600_000_000] * len(values)
    decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
    offsets = range(first, first + len(values))
    lake.append(SCORES_SOURCE, LOGS[1], 0, LakeBatch(offsets.stop, offsets, kafka_us, values, decoded))


async def test_an_entity_of_two_topics_goes_from_both(tmp_path: Path) -> None:
    """The rows of each, and the state that both fed; all others verify."""
    world = World(tmp_path, msgspec.structs.replace(VIEW, further_topics=(OTHER.topic,)))
    world.serve()
    world.lake = site_lake(tmp_path)
    world.fill_lake()
    store = MemoryStore()
    await store.connect()
    await ensure_births(store, world.lake, world.plan)
    before = await states(store)
    mine = sum(b'"d3"' in value for value in world.values)
    scores = sum(record.entity == D3 for record in world.records)
    found = await forgetter(store, world.lake, world.plan).forget(D3)
    assert whole(found)
    assert found.rows_erased == mine + scores
    del before["d3"]
    assert await states(store) == before
    for source in (SOURCE, OTHER):
        assert "d3" not in world.lake.read(source).column("device").to_pylist()
    report = verify(site_lake(tmp_path), world.judge)
    assert report.proven
    assert report.checked == len(world.records) - scores
