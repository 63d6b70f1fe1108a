"""The recorded scores of one model, as a table that can be joined with outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from features.nouns import SCORES_SOURCE, KeyValue, Struct
from features.plan import SourcePlan
from features.routing import Routing
from features.score_records import decode_records

KEY_PREFIX: Final = "key_"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_KINDS: Final[Mapping[str, pa.DataType]] = {
    "arm": pa.string(),
    "version": pa.string(),
    "request_id": pa.string(),
    "as_of_us": pa.int64(),
    "scored_us": pa.int64(),
    "score": pa.float64(),
    "decision": pa.string(),
    "unit": pa.int64(),
    "classes": pa.list_(pa.string()),
    "scores": pa.list_(pa.float64()),
}


class ScoresLake(Protocol):
    """The part of the lake that holds score records."""

    def read(self, source: SourcePlan, *, keep: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """Valid records of a topic, each once, those that ``keep`` leaves of each file."""
        ...


class Scores(NamedTuple):
    """Records of one model: the columns of ``_KINDS``, and each join key under a prefix.

    ``unit`` numbers the routing keys from 0; ``skipped`` counts records that lack a join key, as where the caller
    supplied the vector.
    """

    table: pa.Table
    skipped: int


class _Scored(Struct, frozen=True, kw_only=True):
    """As much of a score record as a comparison needs."""

    arm: str
    version: str
    request_id: str
    scored_at: datetime
    as_of_us: int
    score: float
    decision: str
    classes: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    entity: dict[str, KeyValue]
    routing_key: str = ""


def read_scores(lake: ScoresLake, model: str, keys: Sequence[str], by: Sequence[str], *, since_us: int = 0) -> Scores:
    """The score records of a model, made at an instant or later; LakeCorruptError where one does not decode.

    ``keys`` are the model's join keys, ``by`` those of them that make up the routing key (empty: all).
    """

    def wanted(table: pa.Table) -> pa.Table:
        return table.filter((pc.field("model") == model) & (pc.field("event_us") >= since_us))

    routing, units = Routing(by=tuple(by)), dict[bytes, int]()
    rows: list[tuple[Any, ...]] = []
    skipped = 0
    for record in decode_records(lake.read(SCORES_SOURCE, keep=wanted), _Scored):
        if any(name not in record.entity for name in keys):
            skipped += 1
            continue
        unit = units.setdefault(routing.key(record.entity, record.request_id, record.routing_key), len(units))
        scored_us = (record.scored_at - _EPOCH) // _MICROSECOND
        what = (record.score, record.decision, unit, record.classes, record.scores)
        entity = (record.entity[name] for name in keys)
        rows.append((record.arm, record.version, record.request_id, record.as_of_us, scored_us, *what, *entity))
    names = [*_KINDS, *(KEY_PREFIX + name for name in keys)]
    columns = [[row[at] for row in rows] for at in range(len(names))]
    kinds = [*_KINDS.values(), *([None] * len(keys))]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return Scores(pa.table(arrays, names=names), skipped)
