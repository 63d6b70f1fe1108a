"""Dead letters as they stand in the lake: listed, counted, and sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import KafkaError, KafkaException, Producer

from features.erasure import ERASED
from features.errors import BrokerUnavailableError, RequestError
from features.lake import Lake
from features.plan import Plan
from streams.batch import REDRIVE_HEADER

DELIVERY_S = 10.0


class Letter(NamedTuple):
    """One refused record. ``redriven`` says that the lake shows a record that repeats it."""

    topic: str
    log: str
    partition: int
    offset: int
    kafka_us: int
    reason: str
    value: bytes | None
    redriven: bool

    @property
    def position(self) -> str:
        """How a letter is named: ``log/partition/offset``."""
        return f"{self.log}/{self.partition}/{self.offset}"


def read_letters(lake: Lake, plan: Plan, topics: Sequence[str] | None = None) -> Iterator[Letter]:
    """Every dead letter of the domain's topics."""
    for source in plan.sources:
        if topics and source.topic not in topics:
            continue
        rows = lake.read(source, valid_only=False)
        repeated = set(rows.column("redrive_of").drop_null().to_pylist())
        names = ("log", "partition", "offset", "kafka_us", "reason", "value")
        reasons = rows.column("reason")
        refused = pc.and_(pc.is_valid(reasons), pc.not_equal(reasons, pa.scalar(ERASED)))
        for row in rows.filter(refused).select(names).to_pylist():
            letter = Letter(topic=source.topic, redriven=False, **row)
            yield letter._replace(redriven=letter.position in repeated)


def count_letters(letters: Iterable[Letter]) -> dict[str, int]:
    """Letters by the code of their reason."""
    return dict(Counter(letter.reason.partition(":")[0] for letter in letters))


def redrive(bootstrap_servers: str, letters: Sequence[Letter], positions: Sequence[str], value: bytes | None) -> int:
    """Send letters again as new records that name the old positions; ``value`` mends the one letter that is named.

    Raises RequestError, with nothing sent, for a position that is no dead letter or was re-driven before.
    """
    by_position = {letter.position: letter for letter in letters}
    for position in positions:
        if position not in by_position:
            raise RequestError(position, "is no dead letter of this domain", "see `millstream dead-letters list`")
        if by_position[position].redriven:
            raise RequestError(position, "was re-driven before", "a second record of it would count twice")
    if value is not None and len(positions) != 1:
        raise RequestError("--value", "mends one letter", "name exactly one position")
    failures: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "log_level": 0})
    try:
        for position in positions:
            letter = by_position[position]
            producer.produce(
                letter.topic,
                letter.value if value is None else value,
                partition=letter.partition,
                headers=[(REDRIVE_HEADER, position.encode())],
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
    except KafkaException as error:
        raise BrokerUnavailableError("broker", str(error)) from error
    if producer.flush(DELIVERY_S) or failures:
        raise BrokerUnavailableError("broker", f"not every record was taken ({failures[:1] or 'no answer'})")
    return len(positions)
