"""How births are made and withdrawn, where reading starts, and what is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from features.bootstrap import CHUNK, ensure_births, start_offset
from features.decode import Decoder
from features.errors import BirthMissingError, LogNotAdoptedError, StoreUnavailableError
from features.feast_layout import entity_key
from features.kernels import open_kernel
from features.lake import Lake, LakeBatch, open_lake
from features.memory_store import MemoryStore
from features.plan import Plan
from features.store import AdoptedLog, Birth, Certificate, ProgressKey
from features.succession import withdraw_births
from tests.features.strategies import LOGS, SOURCE, whole_view

VIEW = whole_view()
LOG = LOGS[0]
BIRTH = Birth(view=VIEW.name, view_hash=VIEW.hash, id="b1", cut={LOG: {0: 40}}, serving=True)


PLAN = Plan(project="plant", sources=(SOURCE,), views=(VIEW,), request_features=(), services=(), transforms_sha256="")
N_ENTITIES = 2 * CHUNK + 1


def append(lake: Lake, first: int, following: int) -> None:
    """One event of each entity in turn."""
    values = [
        msgspec.json.encode({"device": f"d{i % N_ENTITIES}", "at": f"1970-01-01T00:00:0{i % 10}Z", "level": i})
        for i in range(first, following)
    ]
    arrived_us = [60_000_000] * len(values)
    decoded = Decoder(SOURCE).decode(values, arrived_us)
    lake.append(SOURCE, LOG, 0, LakeBatch(following, range(first, following), arrived_us, values, decoded))


async def n_events_of(store: MemoryStore, birth: Birth) -> int:
    keys = [entity_key("plant", VIEW.keys, [f"d{i}"]) for i in range(N_ENTITIES)]
    kernel, ever = open_kernel(VIEW, SOURCE), VIEW.feature_names.index("count_level_None")
    stored = await store.read_states(VIEW.name, birth.id, keys)
    return sum(int(kernel.finish(kernel.decode(data), 60_000_000)[ever] or 0) for data in stored if data is not None)


@pytest.mark.parametrize("n_writes", [1, CHUNK, N_ENTITIES, N_ENTITIES + 1, N_ENTITIES + 2])
async def test_a_bootstrap_that_ends_half_way_leaves_no_birth(tmp_path: Path, n_writes: int) -> None:
    """Whatever was written before the connection went: the next one begins anew and is whole."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 500)
    store = MemoryStore()
    await store.connect()
    store.cut_after(n_writes)
    with pytest.raises(StoreUnavailableError):
        await ensure_births(store, lake, PLAN)
    await store.connect()
    assert (await store.read_certificate()).births == ()
    (made,) = await ensure_births(store, lake, PLAN)
    assert (made.n_entities, await n_events_of(store, made.birth)) == (N_ENTITIES, 500)
    assert await ensure_births(store, lake, PLAN) == []


async def test_a_birth_holds_what_lies_before_the_first_gap(tmp_path: Path) -> None:
    """What the lake has behind a gap is read again from the log, in order."""
    lake = open_lake(str(tmp_path))
    append(lake, 0, 20)
    append(lake, 30, 40)
    store = MemoryStore()
    await store.connect()
    (made,) = await ensure_births(store, lake, PLAN)
    assert made.birth.cut == {LOG: {0: 20}}
    assert await n_events_of(store, made.birth) == 20


async def test_births_that_the_plan_does_not_name_are_withdrawn(tmp_path: Path) -> None:
    """Of a view that is gone, of an older declaration, of an earlier life; what the plan uses stays."""
    store = MemoryStore()
    await store.connect()
    others = [
        Birth(view="gone", view_hash="00", id="b1", cut={}, serving=True),
        Birth(view=VIEW.name, view_hash="ffffffffffffffff", id="b2", cut={}, serving=True),
        Birth(view=VIEW.name, view_hash=VIEW.hash, id="0", cut={}, serving=True),
        Birth(view=VIEW.name, view_hash=VIEW.hash, id="1", cut={}, serving=True),
    ]
    for birth in others:
        await store.write_birth(birth)
    assert await ensure_births(store, open_lake(str(tmp_path)), PLAN) == []
    withdrawn = await withdraw_births(store, [PLAN])
    assert {birth.id for birth in withdrawn} == {"b1", "b2", "0"}
    assert (await store.read_certificate()).births == (others[-1],)


def start(
    *,
    births: tuple[Birth, ...] = (BIRTH,),
    adopted: tuple[AdoptedLog, ...] = (AdoptedLog(topic="readings", log=LOG, start={}),),
    progress: dict[ProgressKey, int] | None = None,
    lake_end: int | None = 100,
    partition: int = 0,
) -> int:
    return start_offset(
        certificate=Certificate(births=births, logs=adopted),
        progress=progress or {},
        lake_end=lake_end,
        views=(VIEW,),
        topic="readings",
        log=LOG,
        partition=partition,
    )


def test_progress_wins_over_the_cut() -> None:
    """A birth starts at its cut only until its first progress."""
    assert start() == 40
    assert start(progress={("b1", LOG, 0): 70}) == 70


def test_nothing_above_the_lake_s_end_is_skipped() -> None:
    """A lake that lost its last file is filled again, the fence keeps the states right."""
    assert start(progress={("b1", LOG, 0): 70}, lake_end=55) == 55
    assert start(progress={("b1", LOG, 0): 70}, lake_end=None) == 0


def test_the_slowest_birth_decides() -> None:
    """Progress of another birth does not count for this one."""
    assert start(progress={("b0", LOG, 0): 90}) == 40


def test_a_partition_that_was_added_starts_at_its_beginning() -> None:
    """A partition that neither cut nor adoption names is read from 0."""
    assert start(partition=5, lake_end=None) == 0


def test_a_log_adopted_from_later_on_starts_there() -> None:
    """Adoption says which events were never wanted."""
    adopted = (AdoptedLog(topic="readings", log=LOG, start={3: 12}),)
    assert start(adopted=adopted, partition=3, lake_end=None) == 12


def test_records_that_the_broker_deleted_unread_can_be_given_up() -> None:
    """Adopted again from its first record, a log begins there, though lake and progress end before it."""
    adopted = (AdoptedLog(topic="readings", log=LOG, start={0: 80}),)
    assert start(adopted=adopted, progress={("b1", LOG, 0): 70}, lake_end=70) == 80


def test_a_log_that_was_never_adopted_is_refused() -> None:
    """A topic made anew is another log; the error says how to adopt it."""
    with pytest.raises(LogNotAdoptedError, match="millstream adopt readings"):
        start(adopted=(AdoptedLog(topic="readings", log=LOGS[1], start={}),))


def test_a_store_without_the_view_s_birth_is_refused() -> None:
    """Flushed, new, or of another declaration: the error says how to bring the states back."""
    old = Birth(view=VIEW.name, view_hash="ffffffffffffffff", id="b0", cut={}, serving=True)
    with pytest.raises(BirthMissingError, match=r"ffffffffffffffff.*backfill --to-online"):
        start(births=(old,))
