"""Where lanes begin, why they do not, and that they go on by themselves once it is cured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from features.erasure import Erasure, Erasures
from features.errors import BrokerUnavailableError, StoreUnavailableError
from features.memory_shards import MemoryShards
from features.memory_store import MemoryStore
from features.nouns import SCORES_TOPIC
from features.store import AdoptedLog, Birth
from streams.assignment import Assignment, Lane
from streams.intake import Intake
from streams.logs import LogInfo
from streams.metrics import WorkerMetrics
from streams.pulse import Pulse
from streams.steward import Steward
from tests.streams.shop import BIRTH, LOG, OTHER_LOG, TOPIC, plan, view
from tests.waiting import wait_until_async

VIEW = view()


class Broker:
    """Topics with one log each."""

    def __init__(self) -> None:
        self.logs = {TOPIC: LOG, SCORES_TOPIC: OTHER_LOG}
        self.first = 0
        self.down = False

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        if self.down:
            raise BrokerUnavailableError("broker", "no answer")
        return {topic: LogInfo(self.logs[topic], 2) for topic in topics if topic in self.logs}

    def first_offsets(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return dict.fromkeys(partitions, self.first)


class LakeEnd:
    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        self.gone: dict[tuple[str, int], int] = {}
        self.recorded: list[Erasure] = []

    def erasures(self) -> Erasures:
        return Erasures(self.recorded, b"secret")

    def record_erasures(self, erasures: Iterable[Erasure]) -> Erasures:
        self.recorded += erasures
        return self.erasures()

    def end(self, topic: str, log: str, partition: int) -> int | None:
        return self.gone.get((log, partition), self.ends.get(topic))

    def logs(self, topic: str) -> dict[str, list[int]]:
        return {log: [partition] for log, partition in self.gone}


class NoEngine:
    """Remembers which births it was begun with."""

    def __init__(self) -> None:
        self.begun: list[dict[str, str]] = []
        self.forgot_at_epochs: list[int] = []
        self.store: MemoryStore | None = None

    def forget(self) -> None:
        assert self.store is not None
        self.forgot_at_epochs.append(self.store.epoch)

    async def begin(self, births: dict[str, str], erasures: Erasures) -> None:
        self.begun.append(dict(births))


class Court:
    """A steward with its neighbours."""

    def __init__(self) -> None:
        self.shards = MemoryShards()
        self.store, self.admin = MemoryStore(self.shards), MemoryStore(self.shards)
        self.broker, self.lake, self.engine = Broker(), LakeEnd(), NoEngine()
        self.engine.store = self.store
        self.lanes = Assignment()
        self.intake = Intake(
            engine=self.engine,  # type: ignore[arg-type]  # a fake
            lanes=self.lanes,
            pulse=Pulse(self.lanes.is_idle),
            metrics=WorkerMetrics(),
        )
        self.steward = Steward(
            plan=plan("shop", VIEW),
            store=self.store,
            lake=self.lake,
            logs=self.broker,
            lanes=self.lanes,
            intake=self.intake,
        )

    async def certify(self, birth: str = BIRTH, cut: dict[str, dict[int, int]] | None = None) -> None:
        await self.admin.connect()
        await self.admin.write_birth(Birth(view=VIEW.name, view_hash=VIEW.hash, id=birth, cut=cut or {}, serving=True))

    async def adopt(self, log: str = LOG, start: dict[int, int] | None = None) -> None:
        await self.admin.connect()
        await self.admin.adopt_log(AdoptedLog(topic=TOPIC, log=log, start=start or {}))

    @contextmanager
    def runs(self) -> Iterator[None]:
        task = asyncio.create_task(self.steward.run())
        try:
            yield
        finally:
            task.cancel()

    def lane(self, partition: int = 0, topic: str = TOPIC) -> Lane:
        return self.lanes.lanes[topic, partition]


@pytest.fixture
def court(monkeypatch: pytest.MonkeyPatch) -> Court:
    monkeypatch.setattr("streams.steward.LOOK_S", 0.01)
    return Court()


async def test_a_lane_begins_where_nothing_is_left_out(court: Court) -> None:
    """At the adopted start; at the cut; at progress; at the lake's end if that is less."""
    await court.certify(cut={LOG: {1: 40}})
    await court.adopt(start={0: 7})
    await court.admin.write_progress({(BIRTH, LOG, 1): 55})
    court.lanes.assign({(TOPIC, 0), (TOPIC, 1)})
    await court.steward.tend()
    assert [(lane.state, lane.start) for lane in court.lanes.lanes.values()] == [("seeking", 7), ("seeking", 0)]
    court.lake.ends[TOPIC] = 50
    court.lanes.restart()
    await court.steward.tend()
    assert [lane.start for lane in court.lanes.lanes.values()] == [7, 50]
    assert court.engine.begun == [{VIEW.name: BIRTH}] * 2


async def test_what_is_missing_is_named_and_once_it_is_there_the_lane_begins(court: Court) -> None:
    """Topic, certificate, adoption: in this order, by the command that cures it."""
    del court.broker.logs[TOPIC]
    court.lanes.assign({(TOPIC, 0)})
    with court.runs():
        await wait_until_async(lambda: court.lane().problem == f"topic {TOPIC} does not exist at the broker")
        court.broker.logs[TOPIC] = LOG
        await wait_until_async(lambda: "millstream backfill --to-online" in (court.lane().problem or ""))
        await court.certify()
        await wait_until_async(lambda: f"millstream adopt {TOPIC} --from" in (court.lane().problem or ""))
        assert court.lane().state == "refused"
        await court.adopt()
        await wait_until_async(lambda: court.lane().state == "seeking")
    assert court.engine.begun[-1] == {VIEW.name: BIRTH}


async def test_states_that_lack_records_of_a_log_that_is_gone_are_not_gone_on_with(court: Court) -> None:
    """No worker can read those again, but the lake has them: refused until a birth holds them, or progress says so."""
    await court.certify()
    await court.adopt(OTHER_LOG)
    await court.adopt()
    await court.admin.write_progress({(BIRTH, OTHER_LOG, 1): 55})
    court.lake.gone = {(OTHER_LOG, 1): 60}
    court.lanes.assign({(TOPIC, 0)})
    await court.steward.tend()
    assert court.lane().state == "refused"
    assert "records 55 to 59" in str(court.lane().problem)
    assert "backfill --to-online --rebuild" in str(court.lane().problem)
    await court.certify("b2", cut={OTHER_LOG: {1: 60}})
    await court.steward.tend()
    await court.steward.tend()
    assert court.lane().state == "seeking"


async def test_a_log_that_is_gone_and_was_applied_to_its_end_is_no_hindrance(court: Court) -> None:
    """Progress beyond what the lake holds of it, or just there."""
    await court.certify()
    await court.adopt(OTHER_LOG)
    await court.adopt()
    await court.admin.write_progress({(BIRTH, OTHER_LOG, 1): 60})
    court.lake.gone = {(OTHER_LOG, 1): 60}
    court.lanes.assign({(TOPIC, 0)})
    await court.steward.tend()
    assert court.lane().state == "seeking"


async def test_scores_need_no_birth_and_no_adoption(court: Court) -> None:
    """They begin at the lake's end, or at the first record that the broker still holds."""
    court.lanes.assign({(SCORES_TOPIC, 0), (TOPIC, 0)})
    await court.steward.tend()
    assert (court.lane(0, SCORES_TOPIC).state, court.lane(0, SCORES_TOPIC).start) == ("seeking", 0)
    assert court.lane().state == "refused"
    for court.lake.ends[SCORES_TOPIC], court.broker.first, start in ((9, 0, 9), (9, 20, 20)):
        court.lanes.restart()
        await court.steward.tend()
        assert court.lane(0, SCORES_TOPIC).start == start


async def test_records_deleted_unread_are_not_skipped_in_silence(court: Court) -> None:
    """The broker's first offset lies above where reading must start."""
    await court.certify()
    await court.adopt(start={0: 5})
    court.broker.first = 8
    court.lanes.assign({(TOPIC, 0)})
    await court.steward.tend()
    assert court.lane().state == "refused"
    assert "records 5 to 7 were deleted" in (court.lane().problem or "")


async def test_a_new_birth_begins_a_new_term(court: Court) -> None:
    """Births are looked at again and again: a store rebuilt beside a running worker is written from its cut on."""
    await court.certify("b1")
    await court.adopt()
    court.lanes.assign({(TOPIC, 0)})
    with court.runs():
        await wait_until_async(lambda: court.lane().state == "seeking")
        term = court.lanes.term
        court.lake.ends[TOPIC] = 30
        await court.certify("b2", {LOG: {0: 30}})
        await court.admin.drop_birth(VIEW.name, "b1")
        await wait_until_async(lambda: court.engine.begun[-1] == {VIEW.name: "b2"} and court.lane().start == 30)
        assert court.lanes.term > term


async def test_a_neighbour_that_is_down_is_asked_until_it_answers(court: Court) -> None:
    """Store or broker; meanwhile the worker says which, and a new connection begins a new term."""
    await court.certify()
    await court.adopt()
    court.shards.stop()
    court.lanes.assign({(TOPIC, 0)})
    with court.runs():
        await wait_until_async(lambda: any("shards are stopped" in problem for problem in court.lanes.problems()))
        court.broker.down = True
        court.shards.start()
        await wait_until_async(lambda: "broker: no answer" in court.lanes.problems())
        court.broker.down = False
        await wait_until_async(lambda: court.lane().state == "seeking")
        epoch, term = court.store.epoch, court.lanes.term
        court.store.cut()
        await wait_until_async(lambda: court.store.epoch > epoch and court.lane().state == "seeking")
        assert court.lanes.term > term
        assert court.lanes.failure is None


async def test_no_engine_is_begun_beside_a_batch(court: Court) -> None:
    """The steward waits for the lock that is held while a batch is under way."""
    await court.certify()
    await court.adopt()
    court.lanes.assign({(TOPIC, 0)})
    async with court.intake.lock:
        tending: asyncio.Task[Any] = asyncio.create_task(court.steward.tend())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert court.store.epoch == 0
        assert court.engine.begun == []
    await tending
    assert court.engine.begun == [{VIEW.name: BIRTH}]


async def test_a_batch_that_takes_long_is_no_neighbour_that_is_down(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is for neighbours: however long a batch is under way, the steward waits and the term goes on."""
    monkeypatch.setattr("streams.steward.DEADLINE_S", 0.0)
    await court.certify()
    await court.adopt()
    court.lanes.assign({(TOPIC, 0)})
    term = court.lanes.term
    async with court.intake.lock:
        with court.runs():
            for _ in range(20):
                await asyncio.sleep(0)
            assert (court.lanes.term, court.lanes.failure) == (term, "starting")
    monkeypatch.setattr("streams.steward.DEADLINE_S", 15.0)
    with court.runs():
        await wait_until_async(lambda: court.lane().state == "seeking")
    assert court.lanes.term == term


async def test_nothing_unconfirmed_outlives_a_connection(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the old connection are forgotten before there is a new one, even where the store then fails to answer."""
    await court.certify()
    await court.adopt()
    court.lanes.assign({(TOPIC, 0)})
    await court.steward.tend()
    court.lanes.fail("store: cut")

    async def fails() -> None:
        raise StoreUnavailableError("store", "no answer")

    monkeypatch.setattr(court.store, "read_certificate", fails)
    with pytest.raises(StoreUnavailableError):
        await court.steward.tend()
    assert court.engine.forgot_at_epochs == [0, 1]
    assert court.store.epoch == 2
