"""Rows on their way to the lake."""

from __future__ import annotations

from features.decode import Decoder
from streams.batch import to_batch
from streams.ledger import Ledger
from tests.streams.shop import LOG, SOURCE, START_US, TOPIC, Record, Sale, records


def batch_of(rows: list[Record], **how: int):
    return to_batch(rows, topic=TOPIC, log=LOG, partition=0, **how)


def test_batches_become_one_file_with_their_reasons_in_place() -> None:
    """It covers from where the first began to where the last ended, offsets without records included."""
    ledger, decoder = Ledger(flush_rows=100, flush_s=1.0), Decoder(SOURCE)
    for first, following in ((10, 13), (13, 18)):
        rows = records([Sale("a", START_US, 1.0, 0, offset) for offset in range(first + 1, following)])
        rows[-1] = rows[-1]._replace(value=b"")
        batch = batch_of(rows, first_offset=first, next_offset=following)
        ledger.add(batch, decoder.decode(batch.values, batch.kafka_us))
    taken = ledger.take(5.0)
    assert (taken.first, taken.next_offset) == (10, 18)
    assert list(taken.offsets) == [11, 12, 14, 15, 16, 17]
    assert sorted(taken.decoded.reasons) == [1, 5]
    assert [row is None for row in taken.decoded.columns] == [False, True, False, False, False, True]
    assert len(ledger) == 0


def test_rows_are_due_at_once_then_after_the_interval_or_when_there_are_many() -> None:
    """An empty ledger is never due."""
    ledger, decoder = Ledger(flush_rows=3, flush_s=1.0), Decoder(SOURCE)
    batch = batch_of(records([Sale("a", START_US, 1.0, 0, 0), Sale("a", START_US, 1.0, 0, 1)]))
    assert ledger.due_at is None
    ledger.add(batch, decoder.decode(batch.values, batch.kafka_us))
    assert ledger.due_at == float("-inf")
    ledger.take(7.0)
    assert ledger.due_at is None
    ledger.add(batch, decoder.decode(batch.values, batch.kafka_us))
    assert ledger.due_at == 8.0
    ledger.add(batch, decoder.decode(batch.values, batch.kafka_us))
    assert ledger.due_at == float("-inf")
