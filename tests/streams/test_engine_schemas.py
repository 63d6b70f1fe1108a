"""The engine beside a schema registry: it waits for it, never guesses, and takes new schemas while it runs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from features.errors import UnavailableError
from features.formats.encoding import open_encoder
from features.formats.registry_client import RegistryClient
from features.nouns import DeadLetter
from features.plan import AvroRecords, Plan
from tests.schema_registry import SchemaRegistry, running_registry
from tests.streams.engine_world import Worker, World
from tests.streams.shop import HOUR_US, LOG, SOURCE, START_US, Record, birth_id, plan, value, view

FIRST: dict[str, Any] = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "account", "type": "string"},
        {"name": "sold_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": ["null", "double"], "default": None},
    ],
}
NEWER = FIRST | {"fields": [{"name": "note", "type": ["null", "string"], "default": None}, *reversed(FIRST["fields"])]}
BROKEN = FIRST | {"fields": FIRST["fields"][1:]}
ARRIVED_MS = (START_US + 100 * HOUR_US) // 1_000


def avro_plan() -> Plan:
    source = msgspec.structs.replace(SOURCE, format=AvroRecords(schema=json.dumps(FIRST)), wire="confluent")
    return msgspec.structs.replace(plan(), sources=(source,))


def sale(registry: SchemaRegistry, schema: dict[str, Any], **row: Any) -> bytes:
    """One record, as a producer with that schema sends it."""
    source = msgspec.structs.replace(avro_plan().sources[0], format=AvroRecords(schema=json.dumps(schema)))
    return open_encoder(source, lambda kind, text: registry.register("sales-value", text, kind))(row)


def sold(i: int) -> int:
    return START_US + i * HOUR_US


@pytest.mark.faults
async def test_a_producers_new_schema_is_read_by_a_running_worker() -> None:
    """A field more, another order: the same states as ever; a breach and an unknown id are dead letters."""
    with running_registry() as registry:
        values = [
            sale(registry, FIRST, account="a", sold_at=sold(0), price=1.25),
            sale(registry, NEWER, account="a", sold_at=sold(1), price=2.0, note="new"),
            sale(registry, BROKEN, sold_at=sold(2), price=3.0),
            b"\0\0\0\0\x63" + b"?",
            sale(registry, FIRST, account="b", sold_at=sold(4), price=None),
        ]
        world = World(avro_plan(), [[Record(i, ARRIVED_MS, text) for i, text in enumerate(values)]])
        await world.certify()
        world.lake.schemas.ask(RegistryClient(registry.settings))
        worker = Worker(world)
        for _ in values:
            await worker.step(0, 1)
    same = [value("a", sold(0), 1.25), value("a", sold(1), 2.0), None, None, value("b", sold(4), None)]
    in_json = World(plan(), [[Record(i, ARRIVED_MS, text) for i, text in enumerate(same)]])
    assert world.stored("spend") == in_json.folded("spend")
    assert [(letter.offset, letter.reason) for letter in worker.letters] == [
        (2, "schema_breach: column account: is missing"),
        (3, "unknown_schema: the registry had no schema 99"),
    ]
    assert len(world.lake.rows) == 5


@pytest.mark.faults
async def test_while_the_registry_is_down_nothing_is_lost_or_refused() -> None:
    """The batch fails as it would for a store that is down, is read again, and goes in once."""
    with running_registry() as registry:
        text = sale(registry, FIRST, account="a", sold_at=sold(0), price=1.25)
        registry.stop()
        world = World(avro_plan(), [[Record(i, ARRIVED_MS, text) for i in range(3)]])
        await world.certify()
        world.lake.schemas.ask(RegistryClient(registry.settings))
        worker = Worker(world)
        await worker.begin()
        batch = world.batch(0, 0, 3)
        assert batch is not None
        for _ in range(2):
            with pytest.raises(UnavailableError, match="schema registry"):
                await worker.engine.process(batch, lambda: None)
        assert (world.stored("spend"), world.lake.rows, world.shards.progress()) == ({}, {}, {})
        registry.start()
        await worker.finish()
    in_json = World(plan(), [[Record(i, ARRIVED_MS, value("a", sold(0), 1.25)) for i in range(3)]])
    assert world.stored("spend") == in_json.folded("spend")
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 3}
    assert worker.letters == list[DeadLetter]()


def test_the_views_of_both_plans_are_one() -> None:
    """So that the comparisons above are of states of the same view."""
    assert avro_plan().views == plan().views == (view(),)
