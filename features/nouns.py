"""The nouns that the rooms exchange, defined once, as frozen types.

Event → FeatureState → FeatureVector → Score → ScoreRecord → Outcome → DriftReport → RetrainOrder → ModelBundle.
A state is `features.state.State`; what crosses a topic, the store or the lake stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from features.errors import RequestError
from features.head import Link
from features.plan import ColumnPlan, SourcePlan

SCORES_TOPIC = "millstream.scores"
DEAD_LETTERS_TOPIC = "millstream.dead-letters"

FeatureValue: TypeAlias = int | float | None
"""A finished feature: ``count`` is an int, all else a float; None is null."""

KeyValue: TypeAlias = str | int
"""The value of one join key."""

Partition: TypeAlias = tuple[str, int]
"""(log, partition). A log is the Kafka topic id in Kafka's own text form: 22 characters of URL-safe base64."""

Positions: TypeAlias = Mapping[Partition, int]
"""Last applied offset of each partition that contributed to a state."""

Knowledge: TypeAlias = Literal["as_true", "as_known"]
"""Which events count for an observation of the past: by event time alone, or those that had arrived by then."""

Provenance: TypeAlias = Knowledge | Literal["as_served"]
"""Where training rows are from: computed from the lake, one way or the other, or taken from what was served."""

Engine: TypeAlias = Literal["local", "dask"]
"""Where a history is worked through: in this process, or on a Dask cluster."""

NoteReason: TypeAlias = Literal["unknown_entity", "stale", "not_supplied", "as_of_behind_state", "store_unavailable"]


def engine_of(name: str) -> Engine:
    """The engine of that name; RequestError if there is none."""
    engines: Mapping[str, Engine] = {"local": "local", "dask": "dask"}
    if name in engines:
        return engines[name]
    raise RequestError("--engine", f"there is no engine {name!r}", "say local or dask")


def provenance_of(source: str, *, as_known: bool) -> Provenance:
    """What ``--from`` and ``--as-known`` ask for; RequestError where they do not go together."""
    if source == "lake":
        return "as_known" if as_known else "as_true"
    if source != "scores":
        raise RequestError("--from", f"there is nothing to learn from at {source!r}", "say lake or scores")
    if as_known:
        raise RequestError("--as-known", "is for features that are computed", "leave it out with --from scores")
    return "as_served"


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Shape shared by the nouns: immutable, built by keyword, tolerant of fields added later."""


class Note(Struct, frozen=True, kw_only=True):
    """Why a feature is not simply what the window arithmetic gave.

    ``defaulted`` says whether the model's policy put a default in its place.
    """

    feature: str
    reason: NoteReason
    defaulted: bool = False


class ViewReading(Struct, frozen=True, kw_only=True):
    """Which state of one view went into a score. No positions: the entity was unknown to the view."""

    view: str
    view_hash: str
    birth: str
    positions: tuple[tuple[str, int, int], ...]
    newest_us: int | None


class ScoreRecord(Struct, frozen=True, kw_only=True):
    """One score, with all that is needed to prove it again: record of ``millstream.scores``, JSON.

    ``as_of_us`` is event time; ``scored_at`` is processing time. ``vector`` is what the model was given, in the
    order of ``features``, null where it was given NaN. ``source`` tells vectors that the caller supplied, and those
    that were made without the store, from those fetched here: both have no ``views``, the former only such keys as the
    caller named.

    ``link`` made ``score`` of ``raw_score``. Of a model of several ``classes``, both are those of the class decided
    on, and ``raw_scores`` and ``scores`` those of each.

    ``routing_key`` is what the caller had the request routed by, empty where that is the entity.
    """

    format: Literal[1] = 1
    request_id: str
    scored_at: datetime
    as_of_us: int
    model: str
    version: str
    digest: str
    arm: str
    plan_hash: str
    service: str
    source: Literal["fetched", "supplied", "defaulted"] = "fetched"
    entity: dict[str, KeyValue]
    request: dict[str, KeyValue | float | bool | None] = {}
    routing_key: str = ""
    views: tuple[ViewReading, ...]
    features: tuple[str, ...]
    vector: tuple[float | None, ...]
    raw_score: float
    score: float
    decision: str
    link: Link = "sigmoid"
    classes: tuple[str, ...] = ()
    raw_scores: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record that was refused: announced on ``millstream.dead-letters``, keyed by its position."""

    topic: str
    log: str
    partition: int
    offset: int
    kafka_us: int
    reason: str
    value: bytes | None


SCORES_SOURCE = SourcePlan(
    topic=SCORES_TOPIC,
    timestamp_column="scored_at",
    max_ahead_us=3_600_000_000,
    columns=(
        ColumnPlan(name="scored_at", type="timestamp", nullable=False),
        ColumnPlan(name="request_id", type="string", nullable=False),
        ColumnPlan(name="model", type="string", nullable=False),
        ColumnPlan(name="version", type="string", nullable=False),
        ColumnPlan(name="arm", type="string", nullable=False),
        ColumnPlan(name="as_of_us", type="int64", nullable=False),
        ColumnPlan(name="score", type="float64", nullable=False, decimals=None),
        ColumnPlan(name="decision", type="string", nullable=False),
    ),
)
"""How score records enter the lake: typed where SQL wants them, whole in the raw value."""
