"""A world for the engine: partitions, shards and a lake in memory, and workers that can be cut, killed and doubled."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from pydantic import ByteSize

from features.agreement import agree_on_erasures
from features.bootstrap import birth_of, start_offset
from features.clock import FrozenClock
from features.decode import Decoder
from features.erasure import Erasure, Erasures, hash_entity
from features.errors import ErasureMissedError, StoreUnavailableError
from features.feast_layout import entity_key, field_name, state_field, timestamp_field
from features.formats.schemas import MemoryShelf, SchemaBook
from features.kernels import open_kernel
from features.lake import LakeBatch
from features.memory_shards import MemoryShards
from features.memory_store import MemoryStore
from features.nouns import DeadLetter
from features.plan import Plan, SourcePlan
from features.settings import LakeSettings, WorkerSettings
from features.state import State
from features.store import AdoptedLog, Birth
from streams.batch import Batch, to_batch
from streams.batch_traces import BatchTraces
from streams.engine import Engine
from streams.metrics import WorkerMetrics
from streams.watermarks import Watermarks
from tests.streams.shop import LOGS, START_US, Record, birth_id

KEY = b"secret of the site"


class MemoryLake:
    """Rows by position, and the offsets that appends covered."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, int], bytes | None] = {}
        self.redrives: dict[tuple[str, int, int], str] = {}
        self.covered: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self.recorded: dict[str, Erasure] = {}
        self.down = False
        self.refused: set[int] = set()
        """Partitions that cannot be written."""
        self.disk = threading.Event()
        """Cleared, it holds up who writes."""
        self.disk.set()
        self.schemas = SchemaBook(MemoryShelf())

    def erasures(self) -> Erasures:
        return Erasures(self.recorded.values(), KEY)

    def record_erasures(self, erasures: Iterable[Erasure]) -> Erasures:
        self.recorded |= {erasure.id: erasure for erasure in erasures}
        return self.erasures()

    def append(self, source: SourcePlan, log: str, partition: int, batch: LakeBatch) -> None:
        if self.down or partition in self.refused:
            raise OSError("the lake is down")
        assert self.disk.wait(60.0)
        self.covered[log, partition].update(range(batch.first, batch.next_offset))
        self.rows.update({(log, partition, o): v for o, v in zip(batch.offsets, batch.values, strict=True)})
        self.redrives.update({(log, partition, offset): position for offset, position in batch.redrives.items()})

    def end(self, topic: str, log: str, partition: int) -> int | None:
        covered = self.covered[log, partition]
        return next(offset for offset in count(min(covered)) if offset not in covered) if covered else None


class Worker:
    """One worker: an engine with a connection of its own, and the place where it stands in each partition."""

    def __init__(
        self,
        world: World,
        *,
        flush_ms: int = 0,
        flush_rows: int = 50_000,
        cache_bytes: int = 100_000,
        chunk_entities: int = 3,
        coalesces: bool = False,
        traces: BatchTraces | None = None,
    ) -> None:
        self.world = world
        self.store = MemoryStore(world.shards)
        self.letters: list[DeadLetter] = []
        self.metrics = WorkerMetrics()
        self.watermarks = Watermarks(self.metrics)
        self.standing: dict[int, int] = {}
        self.engine = Engine(
            plan=world.plan,
            store=self.store,
            lake=world.lake,
            worker=WorkerSettings(
                cache_bytes=ByteSize(cache_bytes), chunk_entities=chunk_entities, coalesce_feast_fields=coalesces
            ),
            lake_settings=LakeSettings(flush_ms=flush_ms, flush_rows=flush_rows),
            metrics=self.metrics,
            watermarks=self.watermarks,
            clock=FrozenClock(START_US),
            announce=self._announce,
            committed=lambda *_: None,
            traces=traces,
        )

    async def _announce(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters

    async def begin(self) -> None:
        """Connect, drop what was cached, and stand where nothing is left out; again where the connection goes."""
        while True:
            try:
                return await self._begin()
            except StoreUnavailableError:
                continue

    async def _begin(self) -> None:
        await self.store.connect()
        erasures = await agree_on_erasures(self.store, self.world.lake, self.world.plan)
        certificate = await self.store.read_certificate()
        progress = await self.store.read_progress()
        await self.engine.begin({view.name: birth_of(certificate, view).id for view in self.world.plan.views}, erasures)
        self.store.know_erasures(len(erasures))
        for i, (topic, log, partition) in enumerate(self.world.places):
            self.standing[i] = start_offset(
                certificate=certificate,
                progress=progress,
                lake_end=self.world.lake.end(topic, log, partition),
                views=self.world.plan.views_of(topic),
                topic=topic,
                log=log,
                partition=partition,
            )

    async def step(self, partition: int, n_records: int, check: Callable[[], None] = lambda: None) -> bool:
        """Process the next records of a partition; after a failure begin anew. False when there were none."""
        if not self.standing:
            await self.begin()
        batch = self.world.batch(partition, self.standing[partition], n_records)
        if batch is None:
            return False
        try:
            await self.engine.process(batch, check)
            self.standing[partition] = batch.next_offset
        except (StoreUnavailableError, ErasureMissedError, OSError):
            self.standing = {}
        return True

    async def finish(self) -> None:
        """Process everything that is left, and flush."""
        for _ in range(1_000):
            busy = False
            for partition in range(len(self.world.partitions)):
                busy |= await self.step(partition, 10)
            if not busy and self.standing:
                break
        try:
            await self.engine.flush(everything=True)
        except (StoreUnavailableError, ErasureMissedError, OSError):
            self.standing = {}
            await self.finish()


class World:
    """Partitions of records, a store and a lake; the partitions are those of the plan's topics in turn."""

    def __init__(self, plan: Plan, partitions: Sequence[Sequence[Record]], *, n_shards: int = 1) -> None:
        self.plan = plan
        self.partitions = partitions
        topics = [source.topic for source in plan.sources]
        turns = [divmod(i, len(topics)) for i in range(len(partitions))]
        self.places = [(topics[turn], LOGS[topics[turn]], number) for number, turn in turns]
        self.shards = MemoryShards(n_shards)
        self.lake = MemoryLake()
        self.handed_out = [0] * len(partitions)
        self.n_certified = 0

    async def certify(self) -> None:
        """Births for all views, and the logs adopted."""
        store = MemoryStore(self.shards)
        await store.connect()
        for source in self.plan.sources:
            await store.adopt_log(AdoptedLog(topic=source.topic, log=LOGS[source.topic], start={}))
        for view in self.plan.views:
            await store.write_birth(
                Birth(view=view.name, view_hash=view.hash, id=birth_id(view.name), cut={}, serving=True)
            )
        self.n_certified = max(shard.n_writes for shard in self.shards.shards)

    def batch(self, partition: int, offset: int, n_records: int) -> Batch | None:
        """Some records from there on; None at the end."""
        chosen = [record for record in self.partitions[partition] if record.offset >= offset][:n_records]
        if not chosen:
            return None
        self.handed_out[partition] = max(self.handed_out[partition], chosen[-1].offset + 1)
        topic, log, number = self.places[partition]
        return to_batch(chosen, topic=topic, log=log, partition=number, first_offset=offset)

    def stored(self, view: str) -> dict[bytes, bytes]:
        """Every state of a view in the store."""
        field = state_field(view, birth_id(view))
        return {
            key: fields[field]
            for shard in self.shards.shards
            for key, fields in shard.hashes.items()
            if field in fields
        }

    def shown(self, view_name: str) -> dict[bytes, dict[bytes, bytes]]:
        """Feast's fields of a view in the store, by entity."""
        view = self.plan.view(view_name)
        names = [field_name(view.name, feature) for feature in view.feature_names]
        names.append(timestamp_field(view.name))
        return {
            key: {name: shard.hashes[key][name] for name in names if name in shard.hashes[key]}
            for shard in self.shards.shards
            for key in shard.hashes
            if state_field(view_name, birth_id(view_name)) in shard.hashes[key]
        }

    def to_be_shown(self, view_name: str) -> dict[bytes, dict[bytes, bytes]]:
        """What they must be: those of the states that the law gives."""
        view = self.plan.view(view_name)
        kernel = open_kernel(view, self.plan.source_of(view))
        fields = {key: kernel.fields(kernel.decode(state)) for key, state in self.folded(view_name).items()}
        return {key: dict(zip(each[::2], each[1::2], strict=True)) for key, each in fields.items()}

    def folded(self, view_name: str) -> dict[bytes, bytes]:
        """What the law says they must be: the fold of all valid events that are not erased, one at a time, in order."""
        view = self.plan.view(view_name)
        kernel = open_kernel(view, self.plan.source_of(view))
        states: dict[bytes, State] = {}
        erasures = self.lake.erasures()
        eras = erasures.eras_of([key.name for key in view.keys])
        for (topic, log, partition), records in zip(self.places, self.partitions, strict=True):
            if topic not in view.topics:
                continue
            source = self.plan.source(topic)
            reads, decoder = open_kernel(view, source), Decoder(source)
            ordinals = [[column.name for column in source.columns].index(key.name) for key in view.keys]
            for record in records:
                decoded = decoder.decode([record.value], [record.timestamp * 1_000])
                columns = decoded.columns[0]
                if columns is None:
                    continue
                entity = [columns[ordinal] for ordinal in ordinals]
                hashed = hash_entity(KEY, {key.name: value for key, value in zip(view.keys, entity, strict=True)})
                mine = [erasure for erasure in erasures.records if erasure.hash == hashed]
                if any(record.offset < erasure.end(topic, log, partition) for erasure in mine):
                    continue
                key = entity_key(self.plan.project, view.keys, entity)
                state = states.setdefault(key, kernel.new_state(0 if eras is None else eras.era(entity)))
                reads.apply(state, (log, partition), record.offset, decoded.event_us[0], columns)
        return {key: kernel.encode(state) for key, state in states.items()}


def run(world: World, story: Callable[[World], object]) -> None:
    """Tell a story in a certified world, in an event loop of its own."""

    async def tell() -> None:
        await world.certify()
        await story(world)  # type: ignore[misc]  # an async function

    asyncio.run(tell())
