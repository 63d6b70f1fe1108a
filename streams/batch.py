"""One fetched batch of one partition, as the engine takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from features.tracing import HEADER, SAMPLED_DIGITS

REDRIVE_HEADER = "millstream-redrive-of"
"""Header of a re-driven record: ``log/partition/offset`` of the dead letter that it repeats."""


class Record(Protocol):
    """What is read of a Kafka record."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Batch(NamedTuple):
    """Records of one partition in order, and the term of the assignment under which they were fetched.

    It covers the offsets from ``first_offset`` to ``next_offset`` - 1; those without a record hold none at the broker
    (a transaction's marker, a compacted key).
    """

    topic: str
    log: str
    partition: int
    term: int
    first_offset: int
    next_offset: int
    offsets: list[int]
    kafka_us: list[int]
    values: list[bytes | None]
    redrives: Mapping[int, str] = {}
    traced: Mapping[int, str] = {}
    """By offset, the ``traceparent`` of records whose producers' traces are recorded."""


def to_batch(
    records: Sequence[Record],
    *,
    topic: str,
    log: str,
    partition: int,
    term: int = 0,
    first_offset: int | None = None,
    next_offset: int | None = None,
) -> Batch:
    """A batch of fetched records, covering at least these."""
    with_headers = [record for record in records if record.headers]
    return Batch(
        topic=topic,
        log=log,
        partition=partition,
        term=term,
        first_offset=records[0].offset if first_offset is None else first_offset,
        next_offset=records[-1].offset + 1 if next_offset is None else next_offset,
        offsets=[record.offset for record in records],
        kafka_us=[record.timestamp * 1_000 for record in records],
        values=[record.value for record in records],
        redrives={
            record.offset: position for record in with_headers if (position := redriven(record.headers)) is not None
        },
        traced={record.offset: parent for record in with_headers if (parent := traced(record.headers)) is not None},
    )


def redriven(headers: Sequence[tuple[str, bytes]]) -> str | None:
    """The position that a record says it repeats."""
    for name, value in headers:
        if name == REDRIVE_HEADER:
            return value.decode("utf-8", "replace")
    return None


def traced(headers: Sequence[tuple[str, bytes]]) -> str | None:
    """The trace that a record belongs to, where that is recorded."""
    for name, value in headers:
        if name == HEADER and value[-1:] and value[-1] in SAMPLED_DIGITS:
            return value.decode("ascii", "replace")
    return None
