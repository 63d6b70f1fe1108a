"""The contract of the online store, kept by every implementation: see `features.store`."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from features.erasure import Erasure
from features.errors import BirthMissingError, ErasureMissedError, StoreUnavailableError
from features.feast_layout import entity_key, state_field
from features.memory_shards import PROJECT
from features.plan import EntityKeyPlan
from features.store import AdoptedLog, Birth, Certificate, FeastWrite, StateWrite, Store
from tests.contracts.sites import Site

LOG = "a" * 22
OTHER_LOG = "b-_" + "b" * 19
BIRTH = Birth(view="spend", view_hash="00ff", id="b1", cut={LOG: {0: 7, 3: 2**40}}, serving=True)
AWKWARD = [b"", b"\x00\r\n$-1\r\n", b"*1\r\n", b"\xff" * 70_000, "ü:%s".encode()]


def write(key: bytes, state: bytes, expected: bytes = b"", **feast: bytes) -> StateWrite:
    return StateWrite(key, expected, state, [word for name, value in feast.items() for word in (name.encode(), value)])


async def stored(store: Store, *keys: bytes) -> list[bytes | None]:
    return await store.read_states("spend", "b1", keys)


async def test_a_birth_that_is_not_certified_is_not_written(store: Store, reader: Store) -> None:
    """BirthMissingError comes before any write, Feast's fields included."""
    with pytest.raises(BirthMissingError):
        await store.write_states("spend", "b1", [write(b"k1", b"state", total=b"1"), write(b"k2", b"state")])
    assert await stored(store, b"k1", b"k2") == [None, None]
    assert await reader.read_fields([b"k1"], [b"total"]) == [[None]]


async def test_the_certificate_of_another_birth_or_view_does_not_count(store: Store) -> None:
    """A state is written under its own birth's certificate only."""
    await store.write_birth(BIRTH)
    for view, birth in [("spend", "b2"), ("spen", "b1"), ("spend", "b"), ("visits", "b1")]:
        with pytest.raises(BirthMissingError):
            await store.write_states(view, birth, [write(b"k", b"state")])


async def test_a_first_state_is_written_where_none_stands(store: Store) -> None:
    """An empty expectation means: there is no state; it never overwrites one, and the one that stands is told."""
    await store.write_birth(BIRTH)
    assert await store.write_states("spend", "b1", [write(b"k", b"one")]) == [None]
    assert await store.write_states("spend", "b1", [write(b"k", b"two")]) == [b"one"]
    assert await stored(store, b"k") == [b"one"]


async def test_a_state_is_replaced_only_by_one_computed_from_it(store: Store) -> None:
    """The expected head is a prefix of what stands; otherwise nothing is written and the answer is what stands."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"head1:body")])
    assert await store.write_states("spend", "b1", [write(b"k", b"head2:more", b"head1:")]) == [None]
    assert await store.write_states("spend", "b1", [write(b"k", b"head3:zombie", b"head1:")]) == [b"head2:more"]
    assert await store.write_states("spend", "b1", [write(b"k", b"x", b"head2:more and longer")]) == [b"head2:more"]
    assert await stored(store, b"k") == [b"head2:more"]


async def test_a_state_expected_but_absent_answers_empty(store: Store) -> None:
    """A writer whose state the store has lost is told that none stands."""
    await store.write_birth(BIRTH)
    assert await store.write_states("spend", "b1", [write(b"k", b"head2:", b"head1:")]) == [b""]
    assert await stored(store, b"k") == [None]


async def test_an_empty_state_is_a_state(store: Store) -> None:
    """Zero bytes stored are not the same as nothing stored, except in the answer."""
    await store.write_birth(BIRTH)
    assert await store.write_states("spend", "b1", [write(b"k", b"")]) == [None]
    assert await store.write_states("spend", "b1", [write(b"k", b"x")]) == [b""]
    assert await stored(store, b"k") == [b""]


async def test_feast_fields_go_with_their_state(store: Store, reader: Store) -> None:
    """They are written when the state is, and not when it is refused; other fields of the hash stay."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"one", total=b"1", kept=b"k")])
    await store.write_states("spend", "b1", [write(b"k", b"two", b"one", total=b"2")])
    await store.write_states("spend", "b1", [write(b"k", b"three", b"one", total=b"3")])
    fields = [b"total", state_field("spend", "b1"), b"kept", b"none"]
    assert await reader.read_fields([b"k"], fields) == [[b"2", b"two", b"k", None]]


async def test_each_entity_of_a_call_is_judged_by_itself(store: Store, reader: Store) -> None:
    """Written, refused and absent stand side by side, whatever the number of Feast's fields of each."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k1", b"one")])
    writes = [
        write(b"k0", b"x", a=b"0", b=b"0"),
        write(b"k1", b"y", a=b"1"),
        write(b"k2", b"z", b"w"),
        write(b"k3", b""),
    ]
    assert await store.write_states("spend", "b1", writes) == [None, b"one", b"", None]
    assert await stored(store, b"k0", b"k1", b"k2", b"k3") == [b"x", b"one", None, b""]
    assert await reader.read_fields([b"k0", b"k1"], [b"a"]) == [[b"0"], [None]]


async def test_one_key_twice_in_a_call_is_written_in_order(store: Store) -> None:
    """The second sees the first."""
    await store.write_birth(BIRTH)
    writes = [write(b"k", b"one"), write(b"k", b"two", b"one"), write(b"k", b"three", b"one")]
    assert await store.write_states("spend", "b1", writes) == [None, None, b"two"]


async def test_any_bytes_are_keys_heads_states_and_values(store: Store, reader: Store) -> None:
    """Nothing in them is taken for protocol or pattern."""
    await store.write_birth(BIRTH)
    writes = [StateWrite(b"k" + key, b"", key + b"|1", [b"f" + key, key]) for key in AWKWARD]
    assert await store.write_states("spend", "b1", writes) == [None] * len(AWKWARD)
    again = [StateWrite(b"k" + key, key + b"|", key + b"|2", []) for key in AWKWARD]
    assert await store.write_states("spend", "b1", again) == [None] * len(AWKWARD)
    assert await stored(store, *(b"k" + key for key in AWKWARD)) == [key + b"|2" for key in AWKWARD]
    for key in AWKWARD:
        assert await reader.read_fields([b"k" + key], [b"f" + key]) == [[key]]


async def test_births_and_views_keep_their_states_apart(store: Store) -> None:
    """The same entity has one state for each view and birth."""
    for view, birth in [("spend", "b1"), ("spend", "b2"), ("visits", "b3")]:
        await store.write_birth(Birth(view=view, view_hash="00ff", id=birth, cut={}, serving=False))
        assert await store.write_states(view, birth, [write(b"k", birth.encode())]) == [None]
    assert await store.read_states("spend", "b2", [b"k"]) == [b"b2"]
    assert await store.read_states("visits", "b1", [b"k"]) == [None]


async def test_bootstrapped_states_need_no_certificate(store: Store) -> None:
    """They are written before it, and never over a state that stands."""
    assert await store.bootstrap_states("spend", "b1", [write(b"k", b"one"), write(b"l", b"one")]) == [None, None]
    assert await store.bootstrap_states("spend", "b1", [write(b"k", b"two")]) == [b"one"]
    assert await store.read_certificate() == Certificate()
    await store.write_birth(BIRTH)
    assert await store.write_states("spend", "b1", [write(b"k", b"two", b"one")]) == [None]


async def test_calls_side_by_side_get_their_own_answers(store: Store) -> None:
    """Fifty chunks of a hundred entities at once, then their states, each in its place."""
    await store.write_birth(BIRTH)
    keys = [[b"key-%d-%d" % (chunk, i) for i in range(100)] for chunk in range(50)]
    answers = await asyncio.gather(
        *(store.write_states("spend", "b1", [write(key, b"of " + key) for key in chunk]) for chunk in keys)
    )
    assert answers == [[None] * 100] * 50
    states = await asyncio.gather(*(store.read_states("spend", "b1", chunk) for chunk in keys))
    assert states == [[b"of " + key for key in chunk] for chunk in keys]


@pytest.mark.faults
async def test_writers_that_race_lose_nothing(site: Site, store: Store) -> None:
    """Two clients, each adding 40 times by compare and set, arrive at 80; neither needs to own the entity."""
    await store.write_birth(BIRTH)

    async def add(times: int) -> int:
        client = site.store()
        await client.connect()
        state, conflicts = b"", 0
        for _ in range(times):
            while True:
                more = b"%d;" % (int(state.rstrip(b";") or b"0") + 1)
                (answer,) = await client.write_states("spend", "b1", [write(b"k", more, state)])
                if answer is None:
                    state = more
                    break
                state, conflicts = answer, conflicts + 1
        await client.close()
        return conflicts

    conflicts = await asyncio.gather(add(40), add(40))
    assert await stored(store, b"k") == [b"80;"]
    assert sum(conflicts) > 0


async def test_feast_fields_show_one_birth_of_a_view(store: Store, reader: Store) -> None:
    """States of a birth that another has taken Feast's fields from are written, and the fields are left alone."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"one", total=b"1")])
    await store.write_birth(msgspec.structs.replace(BIRTH, feast=False))
    assert await store.write_states("spend", "b1", [write(b"k", b"two", b"one", total=b"2")]) == [None]
    assert await reader.read_fields([b"k"], [b"total", state_field("spend", "b1")]) == [[b"1", b"two"]]
    await store.write_birth(BIRTH)
    assert await store.write_states("spend", "b1", [write(b"k", b"three", b"two", total=b"3")]) == [None]
    assert await reader.read_fields([b"k"], [b"total"]) == [[b"3"]]


async def test_feast_fields_alone_replace_those_that_were_expected(store: Store, reader: Store) -> None:
    """By the view's timestamp: what another wrote meanwhile stays, and the state beside it stays in any case."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"state", **{"total": b"1", "_ts:spend": b"old"})])
    fresh = [b"total", b"2", b"_ts:spend", b"new"]
    late = [b"total", b"3", b"_ts:spend", b"newer"]
    assert await store.write_feast_fields("spend", [FeastWrite(b"k", b"", late)]) == [b"old"]
    pair = [FeastWrite(b"k", b"old", fresh), FeastWrite(b"other", b"", fresh), FeastWrite(b"third", b"old", fresh)]
    assert await store.write_feast_fields("spend", pair) == [None, None, b""]
    assert await store.write_feast_fields("spend", [FeastWrite(b"k", b"old", late)]) == [b"new"]
    found = await reader.read_fields([b"k", b"other", b"third"], [b"total", b"_ts:spend", state_field("spend", "b1")])
    assert found == [[b"2", b"new", b"state"], [b"2", b"new", None], [None, None, None]]
    assert await store.write_feast_fields("spend", []) == []


async def test_feast_fields_of_a_forgotten_entity_do_not_come_back(store: Store, reader: Store) -> None:
    """Who does not know of an erasure cannot write them, in a store without any birth too."""
    await store.raise_erasure(ERASURE)
    lines = [FeastWrite(b"k", b"", [b"total", b"2", b"_ts:spend", b"new"])]
    with pytest.raises(ErasureMissedError):
        await store.write_feast_fields("spend", lines)
    assert await reader.read_fields([b"k"], [b"total"]) == [[None]]
    store.know_erasures(1)
    assert await store.write_feast_fields("spend", lines) == [None]


async def test_entities_are_found_by_their_join_keys(site: Site, store: Store) -> None:
    """All of them, whatever bytes they hold, and neither entities of other keys nor the witness."""
    project = getattr(site, "project", "memory")
    text, number = EntityKeyPlan(name="a[?]", type="string"), EntityKeyPlan(name="b", type="int64")
    birth = msgspec.structs.replace(BIRTH, join_keys=("a[?]",))
    await store.write_birth(birth)
    names = [f"n{i}" for i in range(1_200)] + ["", "*", "[a]", "\\", "ü\n"]
    keys = [entity_key(project, [text], [name]) for name in names]
    others = [entity_key(project, [text, number], ["n1", 7]), entity_key(project, [number], [7])]
    await store.write_states("spend", "b1", [write(key, b"state") for key in (*keys, *others)])
    found = [key async for page in store.entity_keys(["a[?]"]) for key in page]
    assert set(found) == set(keys)
    assert [key async for page in store.entity_keys(["b", "a[?]"]) for key in page] == others[:1]


async def test_fields_are_deleted_and_the_rest_stays(store: Store, reader: Store) -> None:
    """Only those named; what is not there is not counted."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k1", b"s1", total=b"1", n=b"2"), write(b"k2", b"s2")])
    field = state_field("spend", "b1")
    assert await store.delete_fields([b"k1", b"k2", b"k3"], [field, b"total"]) == 3
    assert await store.delete_fields([b"k1", b"k2", b"k3"], [field, b"total"]) == 0
    assert await store.delete_fields([], [field]) == await store.delete_fields([b"k1"], []) == 0
    assert await reader.read_fields([b"k1", b"k2"], [field, b"total", b"n"]) == [[None, None, b"2"], [None] * 3]


async def test_births_are_certified_changed_and_withdrawn(store: Store, reader: Store) -> None:
    """The certificate says what was last certified, to writers and readers alike."""
    assert await store.read_certificate() == await reader.read_certificate() == Certificate()
    other = Birth(view="visits", view_hash="11ee", id="b2", cut={}, serving=False)
    await store.write_birth(BIRTH)
    await store.write_birth(other)
    assert await store.read_certificate() == await reader.read_certificate() == Certificate(births=(BIRTH, other))
    moved = Birth(view="visits", view_hash="11ee", id="b2", cut={LOG: {1: 5}}, serving=True)
    await store.write_birth(moved)
    await store.drop_birth("spend", "b1")
    assert await store.read_certificate() == Certificate(births=(moved,), dropped=(BIRTH,))
    await store.forget_birth("spend", "b1")
    assert await store.read_certificate() == Certificate(births=(moved,))
    with pytest.raises(BirthMissingError):
        await store.write_states("spend", "b1", [write(b"k", b"state")])


async def test_logs_are_adopted(store: Store, reader: Store) -> None:
    """Each log stands for itself: a topic made anew is another log, and adopting one again moves its start."""
    await store.adopt_log(AdoptedLog(topic="purchases", log=LOG, start={}))
    await store.adopt_log(AdoptedLog(topic="purchases", log=OTHER_LOG, start={2: 10}))
    await store.adopt_log(AdoptedLog(topic="purchases", log=LOG, start={0: 1}))
    logs = {log.log: log for log in (await store.read_certificate()).logs}
    assert logs[LOG].start == {0: 1}
    assert logs[OTHER_LOG].start == {2: 10}
    assert (await reader.read_certificate()).logs == (await store.read_certificate()).logs


async def test_progress_is_kept_per_birth_log_and_partition(store: Store) -> None:
    """A mark says what it was last set to, also when that is lower: a rewind is progress too."""
    await store.write_birth(BIRTH)
    await store.write_birth(Birth(view="visits", view_hash="11ee", id="b2", cut={}, serving=False))
    assert await store.read_progress() == {}
    await store.write_progress({("b1", LOG, 0): 10, ("b2", LOG, 0): 8, ("b1", OTHER_LOG, 0): 2**50})
    await store.write_progress({("b1", LOG, 0): 9, ("b1", LOG, 11): 1})
    expected = {("b1", LOG, 0): 9, ("b2", LOG, 0): 8, ("b1", OTHER_LOG, 0): 2**50, ("b1", LOG, 11): 1}
    assert await store.read_progress() == expected


async def test_progress_of_thousands_of_partitions_goes_in_one_call(store: Store) -> None:
    """As many as a large topic has, under several births."""
    await store.write_birth(BIRTH)
    marks = {("b1", LOG, partition): partition for partition in range(10_000)}
    await store.write_progress(marks)
    assert await store.read_progress() == marks


async def test_progress_needs_the_certificates_of_all_births_named(store: Store) -> None:
    """One that is missing refuses the whole call: a store that lost its states keeps no progress."""
    await store.write_birth(BIRTH)
    for missing in ("b2", "b", "1", "spend:b1"):
        with pytest.raises(BirthMissingError):
            await store.write_progress({("b1", LOG, 0): 10, (missing, LOG, 0): 10})
    assert await store.read_progress() == {}


async def test_a_withdrawn_birth_takes_its_progress_with_it(store: Store) -> None:
    """And no one else's, however alike the names."""
    await store.write_birth(BIRTH)
    await store.write_birth(Birth(view="spend", view_hash="11ee", id="b11", cut={}, serving=True))
    await store.write_progress({("b1", LOG, 0): 10, ("b11", LOG, 0): 8})
    await store.drop_birth("spend", "b1")
    assert await store.read_progress() == {("b11", LOG, 0): 8}


async def test_nothing_asked_is_nothing_done(store: Store, reader: Store) -> None:
    """Empty calls answer empty, birth or no birth."""
    assert await store.read_states("spend", "b1", []) == []
    assert await store.write_states("spend", "b1", []) == []
    assert await store.bootstrap_states("spend", "b1", []) == []
    await store.write_progress({})
    assert await reader.read_fields([], [b"f"]) == []
    assert await reader.read_fields([b"k", b"l"], []) == [[], []]


async def test_a_store_must_be_connected(site: Site) -> None:
    """Every call before `connect` and after `close` is StoreUnavailableError; each `connect` is a new epoch."""
    store = site.store()
    epoch = store.epoch
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await stored(store, b"k")
        with pytest.raises(StoreUnavailableError):
            await store.write_progress({("b1", LOG, 0): 1})
        await store.connect()
        assert await stored(store, b"k") == [None]
        await store.close()
    assert store.epoch == epoch + 2


async def test_a_reconnected_client_works_on(store: Store) -> None:
    """`connect` on a live connection replaces it, which shows in the epoch."""
    await store.write_birth(BIRTH)
    epoch = store.epoch
    await store.connect()
    assert store.epoch == epoch + 1
    assert await store.write_states("spend", "b1", [write(b"k", b"state")]) == [None]


async def test_a_flushed_store_is_not_a_store_of_new_customers(site: Site, store: Store, reader: Store) -> None:
    """Without its certificate a shard is not written, though the connection never broke."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"one")])
    await store.write_progress({("b1", LOG, 0): 10})
    await site.flush()
    with pytest.raises(BirthMissingError):
        await store.write_states("spend", "b1", [write(b"k", b"two", b"one"), write(b"l", b"new")])
    with pytest.raises(BirthMissingError):
        await store.write_progress({("b1", LOG, 0): 11})
    assert await stored(store, b"k", b"l") == [None, None]
    assert await store.read_progress() == {}
    assert await reader.read_certificate() == Certificate()


async def test_births_end_with_their_entities(site: Site, store: Store, reader: Store) -> None:
    """What deletes all entities of some join keys ends the births of their views, those of others stand."""
    theirs = Birth(view="spend", view_hash="00ff", id="b1", join_keys=("customer",), cut={}, serving=True)
    others = Birth(view="visits", view_hash="11ee", id="b2", join_keys=("shop", "customer"), cut={}, serving=True)
    for birth in (theirs, others):
        await store.write_birth(birth)
    assert await store.read_certificate() == await reader.read_certificate() == Certificate(births=(theirs, others))
    await site.delete_entities(b"\1\0\0\0\2\0\0\0\x08\0\0\0customer")
    assert await store.read_certificate() == await reader.read_certificate() == Certificate(births=(others,))
    again = Birth(view="spend", view_hash="00ff", id="b3", join_keys=("customer",), cut={}, serving=True)
    await store.write_birth(again)
    assert await store.read_certificate() == await reader.read_certificate() == Certificate(births=(again, others))


ERASURE = Erasure(id="e1", keys=("id",), hash="ab" * 32, at_us=1, ends={"purchases": {LOG: {0: 5, 1: 9}}})


async def test_a_writer_that_does_not_know_an_erasure_is_refused(store: Store, reader: Store) -> None:
    """Its states and its progress, until it says that it knows; who knew of more than there are is refused as well."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"one")])
    await store.raise_erasure(ERASURE)
    assert (await store.read_certificate()).erasures == (await reader.read_certificate()).erasures == (ERASURE,)
    for n_known in (0, 2):
        store.know_erasures(n_known)
        with pytest.raises(ErasureMissedError):
            await store.write_states("spend", "b1", [write(b"k", b"two", b"one"), write(b"l", b"new")])
        with pytest.raises(ErasureMissedError):
            await store.write_progress({("b1", LOG, 0): 11})
    assert await stored(store, b"k", b"l") == [b"one", None]
    store.know_erasures(1)
    assert await store.write_states("spend", "b1", [write(b"k", b"two", b"one")]) == [None]
    await store.write_progress({("b1", LOG, 0): 11})


async def test_an_erasure_sets_progress_back_to_its_ends_once(store: Store) -> None:
    """Marks above an end are lowered to it, all others stay; what is learnt of it later moves none."""
    await store.write_birth(BIRTH)
    marks = {("b1", LOG, 0): 7, ("b1", LOG, 1): 8, ("b1", LOG, 10): 40, ("b1", OTHER_LOG, 0): 50}
    await store.write_progress(marks)
    await store.raise_erasure(ERASURE)
    assert await store.read_progress() == {**marks, ("b1", LOG, 0): 5}
    store.know_erasures(1)
    await store.write_progress({("b1", LOG, 0): 12})
    complete = msgspec.structs.replace(ERASURE, ends={**ERASURE.ends, "scores": {OTHER_LOG: {0: 3}}})
    await store.raise_erasure(complete)
    assert await store.read_progress() == {**marks, ("b1", LOG, 0): 12}
    assert (await store.read_certificate()).erasures == (complete,)
    await store.write_progress({("b1", LOG, 0): 13})


async def test_fields_are_erased_only_where_nobody_wrote_meanwhile(site: Site, store: Store) -> None:
    """The heads are compared as a write compares them; the last field takes the key with it."""
    project = getattr(site, "project", PROJECT)
    key, other = (entity_key(project, [EntityKeyPlan(name="id", type="string")], [name]) for name in ("a", "b"))
    await store.write_birth(BIRTH)
    await store.write_states(
        "spend", "b1", [write(key, b"head1:body", total=b"1"), write(other, b"head1:", total=b"2")]
    )
    field = state_field("spend", "b1")
    assert sorted(await store.read_entity_keys()) == sorted((key, other))
    assert await store.read_entity(key) == {field: b"head1:body", b"total": b"1"}
    for heads in ({field: b"head2:"}, {field: b""}, {b"none": b"head1:"}):
        assert not await store.erase_fields(key, heads, [field, b"total"])
    assert await store.erase_fields(key, {field: b"head1:", b"none": b""}, [field])
    assert await store.read_entity(key) == {b"total": b"1"}
    assert await store.erase_fields(key, {field: b""}, [b"total"])
    assert await store.read_entity(key) == {}
    assert await store.read_entity_keys() == [other]
    await store.rewrite_files()
    assert await store.read_entity(other) == {field: b"head1:", b"total": b"2"}


@pytest.mark.faults
async def test_a_store_that_goes_away_fails_the_calls_in_flight(site: Site, store: Store) -> None:
    """They fail, later ones too, and nothing reconnects by itself; after `connect` all that was confirmed is there."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"confirmed")])
    epoch = store.epoch
    site.pause()  # or the first ones might be answered yet
    calls = [asyncio.ensure_future(stored(store, b"k")) for _ in range(20)]
    calls.append(asyncio.ensure_future(store.write_states("spend", "b1", [write(b"l", b"in flight")])))
    await asyncio.sleep(0)
    site.stop()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailableError] * 21
    with pytest.raises(StoreUnavailableError):
        await store.connect()
    site.start()
    with pytest.raises(StoreUnavailableError):
        await stored(store, b"k")
    assert store.epoch == epoch
    await store.connect()
    assert store.epoch == epoch + 1
    assert await stored(store, b"k") == [b"confirmed"]
    assert (await store.read_certificate()).births == (BIRTH,)


@pytest.mark.faults
async def test_a_reader_that_was_cut_off_stays_so(site: Site, store: Store, reader: Store) -> None:
    """What stands there later may be another store: one who connects anew looks at the certificate first."""
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"state", total=b"1")])
    assert await reader.read_fields([b"k"], [b"total"]) == [[b"1"]]
    site.stop()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await reader.read_fields([b"k"], [b"total"])
    with pytest.raises(StoreUnavailableError):
        await reader.read_certificate()
    site.start()
    with pytest.raises(StoreUnavailableError):
        await reader.read_fields([b"k"], [b"total"])
    await reader.connect()
    assert (await reader.read_certificate()).births == (BIRTH,)
    assert await reader.read_fields([b"k"], [b"total"]) == [[b"1"]]


async def test_a_reader_answers_by_key_and_field(store: Store, reader: Store) -> None:
    """Rows in the order of the keys, values in the order of the fields, None where there is none."""
    await store.write_birth(BIRTH)
    keys = [b"key-%d" % i for i in range(250)]
    await store.write_states("spend", "b1", [write(key, b"s" * 2_000, name=key) for key in keys[::2]])
    rows = await reader.read_fields(keys, (b"none", b"name", state_field("spend", "b1")))
    assert rows == [[None, key, b"s" * 2_000] if i % 2 == 0 else [None, None, None] for i, key in enumerate(keys)]


@pytest.mark.parametrize("seed", range(3))
async def test_every_implementation_answers_as_a_dictionary_would(store: Store, reader: Store, seed: int) -> None:
    """A random walk through all calls agrees, answer by answer, with the contract written out over plain dicts."""
    rng = random.Random(seed)
    births: set[str] = set()
    states: dict[tuple[str, bytes], bytes] = {}
    marks: dict[tuple[str, str, int], int] = {}
    for step in range(300):
        birth, key = rng.choice(["b1", "b2"]), b"k%d" % rng.randrange(4)
        stands = states.get((birth, key))
        choice = rng.random()
        if choice < 0.08:
            await store.write_birth(Birth(view="v", view_hash="h", id=birth, cut={}, serving=True))
            births.add(birth)
        elif choice < 0.12:
            await store.drop_birth("v", birth)
            births.discard(birth)
            marks = {mark: offset for mark, offset in marks.items() if mark[0] != birth}
        elif choice < 0.3:
            mark = (birth, rng.choice([LOG, OTHER_LOG]), rng.randrange(2))
            if birth in births:
                await store.write_progress({mark: step})
                marks[mark] = step
            else:
                with pytest.raises(BirthMissingError):
                    await store.write_progress({mark: step})
        elif choice < 0.4:
            assert await store.read_progress() == marks
            assert {certified.id for certified in (await reader.read_certificate()).births} == births
        else:
            expected = rng.choice([b"", (stands or b"")[:4], b"%04d" % rng.randrange(step + 1)])
            call = store.write_states if choice < 0.9 else store.bootstrap_states
            state = b"%04d and its body" % step
            if choice < 0.9 and birth not in births:
                with pytest.raises(BirthMissingError):
                    await call("v", birth, [write(key, state, expected)])
            elif (stands is None) if not expected else (stands is not None and stands.startswith(expected)):
                assert await call("v", birth, [write(key, state, expected)]) == [None]
                states[birth, key] = state
            else:
                assert await call("v", birth, [write(key, state, expected)]) == [stands or b""]
        assert await store.read_states("v", birth, [key]) == [states.get((birth, key))]
