"""One fetched batch of one partition, as the engine takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from features.tracing import HEADER, SAMPLED_DIGITS

REDRIVE_HEADER = "millstream-redrive-of"
"""Header of a re-driven record: ``log/partition/offset`` of the dead letter that it repeats."""


Headers = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """What is read of a Kafka record."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers


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


def redriven(headers: Headers) -> str | None:
    """The position that a record says it repeats."""
    position = header(headers, REDRIVE_HEADER)
    return None if position is None else position.decode("utf-8", "replace")


def traced(headers: Headers) -> str | None:
    """The trace that a record belongs to, where that is recorded."""
    parent = header(headers, HEADER)
    return parent.decode("ascii", "replace") if parent and parent[-1] in SAMPLED_DIGITS else None


def header(headers: Headers, wanted: str) -> bytes | None:
    """The first header of that name that has a value: Kafka's may be null."""
    return next((value for name, value in headers if name == wanted and value is not None), None)
