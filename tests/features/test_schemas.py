"""The schema registry and what is kept of it: asked once, kept for ever, never guessed."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from features.decode import Decoder
from features.errors import SettingsError, UnavailableError
from features.formats.encoding import open_encoder
from features.formats.registry_client import RegistryClient, open_registry, registry_of
from features.formats.schemas import MemoryShelf, SchemaBook, WriterSchema
from features.lake import LakeBatch, open_lake
from features.settings import SchemaRegistrySettings
from tests.features.orders import ARRIVED_US, AVRO, AVRO_SOURCE, JSON_SOURCE, row
from tests.schema_registry import SchemaRegistry, running_registry

LOG = "AAAAAAAAQACAAAAAAAAAAQ"
SOURCE = msgspec.structs.replace(AVRO_SOURCE, wire="confluent")
UNKNOWN = b"\0\0\0\1\0whatever"


def records(registry: SchemaRegistry, *rows: dict[str, object]) -> list[bytes | None]:
    client = RegistryClient(registry.settings)
    encode = open_encoder(SOURCE, lambda kind, text: client.register("orders-value", kind, text))
    return [encode(fields) for fields in rows]


def book_of(registry: SchemaRegistry) -> SchemaBook:
    book = SchemaBook(MemoryShelf())
    book.ask(RegistryClient(registry.settings))
    return book


def test_a_schema_is_asked_for_once() -> None:
    """However many records, batches and restarts name it."""
    with running_registry() as registry:
        values = records(registry, row(price=1.0), row(price=2.0))
        registry.asked.clear()
        shelf = MemoryShelf()
        for _ in range(2):
            book = SchemaBook(shelf)
            book.ask(RegistryClient(registry.settings))
            decoder = Decoder(SOURCE, book)
            for _ in range(2):
                assert decoder.decode(values, [ARRIVED_US] * 2).reasons == {}
        assert registry.asked == ["/schemas/ids/1"]


def test_a_registry_that_is_down_decides_nothing() -> None:
    """Nor does one that refuses us or is something else; once it answers, the same batch decodes."""
    with running_registry(user=("key", "secret")) as registry:
        values = records(registry, row())
        book = book_of(registry)
        registry.stop()
        for problem in ("down", "nonsense", "stranger"):
            if problem == "nonsense":
                registry.start()
                registry.answers_nonsense = True
            if problem == "stranger":
                registry.answers_nonsense, registry.user = False, ("key", "changed")
            with pytest.raises(UnavailableError, match="schema registry"):
                Decoder(SOURCE, book).decode([*values, UNKNOWN], [ARRIVED_US] * 2)
        registry.user = ("key", "secret")
        decoded = Decoder(SOURCE, book).decode([*values, UNKNOWN], [ARRIVED_US] * 2)
        assert decoded.reasons == {1: "unknown_schema: the registry had no schema 256"}


def test_an_id_that_was_unknown_when_a_record_came_stays_so_for_that_record() -> None:
    """A record's fate does not change with what the registry learns; one sent again afterwards is looked at anew."""
    shelf, registry = MemoryShelf(), {}

    class Growing:
        def schema(self, schema_id: int) -> WriterSchema | None:
            return registry.get(schema_id)

    def decide(*kafka_us: int) -> list[str]:
        book = SchemaBook(shelf)
        book.ask(Growing())
        reasons = Decoder(SOURCE, book).decode([UNKNOWN] * len(kafka_us), kafka_us).reasons
        return [reasons[i].partition(":")[0] for i in range(len(kafka_us))]

    at = ARRIVED_US
    assert decide(at, at + 5) == ["unknown_schema"] * 2
    registry[256] = WriterSchema(kind="AVRO", text=json.dumps(AVRO))
    assert decide(at + 2, at + 5, at + 6) == ["unknown_schema", "unknown_schema", "not_decodable"]
    registry.clear()
    assert decide(at + 5, at + 6) == ["unknown_schema", "not_decodable"]


def test_a_lake_is_read_without_the_registry(tmp_path: Path) -> None:
    """Its schemas stand beside its files; a schema that is nowhere is asked for, never taken for unknown."""
    lake = open_lake(str(tmp_path))
    with running_registry() as registry:
        lake.schemas.ask(RegistryClient(registry.settings))
        values = [*records(registry, row(price=1.0)), UNKNOWN]
        decoded = Decoder(SOURCE, lake.schemas).decode(values, [ARRIVED_US] * 2)
    lake.append(SOURCE, LOG, 0, LakeBatch(2, range(2), [ARRIVED_US] * 2, values, decoded))

    later = open_lake(str(tmp_path))
    fewer = msgspec.structs.replace(SOURCE, columns=SOURCE.columns[:3])
    for source in (SOURCE, fewer):
        rows = later.read(source, valid_only=False)
        assert rows.column("price").to_pylist() == [1.0, None]
        assert rows.column("reason").to_pylist() == [None, "unknown_schema: the registry had no schema 256"]
    assert later.check("orders", source=SOURCE) == []
    assert later.topics() == ["orders"]
    (tmp_path / "_schemas" / "1.json").unlink()
    with pytest.raises(UnavailableError, match="set MILLSTREAM_SCHEMA_REGISTRY__URL"):
        open_lake(str(tmp_path)).read(fewer)


def test_a_schema_comes_with_those_that_it_refers_to() -> None:
    """However deep, each before the one that needs it."""
    kind = json.dumps({"type": "enum", "name": "shop.v1.Kind", "symbols": ["NEW", "USED"]})
    tagged = json.dumps({"type": "record", "name": "shop.v1.Tag", "fields": [{"name": "kind", "type": "shop.v1.Kind"}]})
    fields = [*AVRO["fields"][:2], {"name": "tag", "type": "shop.v1.Tag"}, {"name": "kind", "type": "shop.v1.Kind"}]
    with running_registry() as registry:
        registry.register("kind", kind)
        registry.register("tag", tagged, references=[{"name": "shop.v1.Kind", "subject": "kind", "version": 1}])
        number = registry.register(
            "orders-value",
            json.dumps({**AVRO, "fields": fields}),
            references=[{"name": "shop.v1.Tag", "subject": "tag", "version": 1}],
        )
        value = bytes([0, 0, 0, 0, number]) + bytes.fromhex("0262" + "80808982e2f58606" + "02" + "00")
        decoded = Decoder(SOURCE, book_of(registry)).decode([value], [ARRIVED_US])
    assert decoded.raw == [("b", ARRIVED_US, None, None, None, None, None, "NEW")]


def test_records_that_name_their_schema_need_a_registry() -> None:
    """The setting is named."""
    with pytest.raises(SettingsError, match="MILLSTREAM_SCHEMA_REGISTRY__URL"):
        open_registry(SchemaRegistrySettings(), SOURCE)


def test_only_avro_behind_a_header_needs_it_to_be_read() -> None:
    """JSON has names and Protobuf numbers for its fields; bare Avro has the declared schema."""
    settings = SchemaRegistrySettings(url="http://127.0.0.1:1")
    framed = msgspec.structs.replace(JSON_SOURCE, wire="confluent")
    assert registry_of(settings, [framed, AVRO_SOURCE]) is None
    assert registry_of(SchemaRegistrySettings(), [framed, AVRO_SOURCE]) is None
    assert registry_of(settings, [framed, SOURCE]) is not None
