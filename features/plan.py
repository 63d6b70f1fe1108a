"""The compiled plan: everything that worker, scorer, trainer and verifier need to know of a domain.

`millstream apply` compiles it from Feast declarations (`features.compiler`); everyone else loads this JSON and
never imports Feast. The plan is addressed by the hash of its content, and so is each view: two views with one
hash hold the same states for the same records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from features.errors import DomainError
from features.whole_file import replace_file

ColumnType = Literal["string", "int32", "int64", "float32", "float64", "bool", "timestamp"]
ValueType = Literal["int64", "float64"]

NUMERIC: frozenset[ColumnType] = frozenset({"int32", "int64", "float32", "float64"})


class PlanStruct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape shared by all parts of the plan: immutable, exact about its fields."""


class ColumnPlan(PlanStruct, frozen=True, kw_only=True):
    """One declared column of a source: its JSON type and how numbers are quantised.

    ``decimals`` is None for columns that are not numeric; integer columns have 0.
    """

    name: str
    type: ColumnType
    nullable: bool
    decimals: int | None = None


class DerivedPlan(ColumnPlan, frozen=True, kw_only=True):
    """A column that a function of the domain computes from declared columns, which are its ``parameters``."""

    function: str
    parameters: tuple[str, ...]


class MaskPlan(PlanStruct, frozen=True, kw_only=True):
    """A column with null wherever the bool column ``where`` is not true: what a filtered aggregation reads."""

    column: str
    where: str

    @property
    def name(self) -> str:
        """Name of the masked column; no declared name has a space."""
        return f"{self.column} where {self.where}"


class JsonRecords(PlanStruct, frozen=True, kw_only=True, tag="json"):
    """Records are JSON objects."""


class AvroRecords(PlanStruct, frozen=True, kw_only=True, tag="avro"):
    """Records are Avro; they are read under ``schema``, which is JSON."""

    schema: str


class ProtobufRecords(PlanStruct, frozen=True, kw_only=True, tag="protobuf"):
    """Records are the message of that full name; ``descriptors`` is the file descriptor set that declares it."""

    message: str
    descriptors: bytes


class SourcePlan(PlanStruct, frozen=True, kw_only=True):
    """A topic: which records are valid, and what their columns are.

    ``columns`` are sent in each record, ``derived`` are computed from them by functions whose source text, with all
    that they use, is ``functions``. A record for which one fails is refused, so both decide validity; ``masks`` do not.
    ``wire`` says whether a record's bytes begin with a schema registry's header.
    """

    topic: str
    timestamp_column: str
    columns: tuple[ColumnPlan, ...]
    max_ahead_us: int
    derived: tuple[DerivedPlan, ...] = ()
    functions: str = ""
    format: JsonRecords | AvroRecords | ProtobufRecords = JsonRecords()
    wire: Literal["bare", "confluent"] = "bare"
    masks: tuple[MaskPlan, ...] = ()

    @property
    def stored(self) -> tuple[ColumnPlan, ...]:
        """Columns of the lake: as they were sent, then the derived ones."""
        return (*self.columns, *self.derived)

    @property
    def row(self) -> tuple[ColumnPlan, ...]:
        """Columns of an event as the kernel takes it: those of the lake, then the masked ones."""
        known = {column.name: column for column in self.stored}
        masked = (
            ColumnPlan(name=mask.name, type=base.type, nullable=True, decimals=base.decimals)
            for mask in self.masks
            for base in (known[mask.column],)
        )
        return (*self.stored, *masked)

    @property
    def records_hash(self) -> str:
        """Hash of all that decides a record's validity and its columns in the lake."""
        return content_hash(msgspec.structs.replace(self, masks=()))

    def column(self, name: str) -> ColumnPlan:
        """The column of that name, sent, derived or masked; KeyError if there is none."""
        for column in self.row:
            if column.name == name:
                return column
        raise KeyError(name)

    def origins(self, name: str) -> frozenset[str]:
        """Columns, sent or derived, that the column of that name is computed from, itself among them."""
        for mask in self.masks:
            if mask.name == name:
                return self.origins(mask.column) | self.origins(mask.where)
        return frozenset({name}).union(*(column.parameters for column in self.derived if column.name == name))


class EntityKeyPlan(PlanStruct, frozen=True, kw_only=True):
    """One join key of a view, with the type it has in Feast's entity key."""

    name: str
    type: Literal["string", "int32", "int64"]


class AggregatePlan(PlanStruct, frozen=True, kw_only=True):
    """One feature of a view: a function of a column over a window.

    ``window_us`` and ``hop_us`` are None together, for a feature since ever. ``weights``, where sums are weighted, are
    those of a tile by its age in hops.
    """

    name: str
    function: str
    column: str
    window_us: int | None = None
    hop_us: int | None = None
    weights: tuple[int, ...] = ()


class ViewPlan(PlanStruct, frozen=True, kw_only=True):
    """A stream feature view: the features of one entity, from the events of one topic or several.

    ``topic`` is that of the source that the view is declared with; the events of ``further_topics`` count alike.
    ``ttl_us`` 0 means never stale.
    """

    name: str
    topic: str
    keys: tuple[EntityKeyPlan, ...]
    features: tuple[AggregatePlan, ...]
    ttl_us: int
    hash: str
    further_topics: tuple[str, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics that feed it."""
        return (self.topic, *self.further_topics)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in declared order."""
        return tuple(feature.name for feature in self.features)


class ParameterPlan(PlanStruct, frozen=True, kw_only=True):
    """One argument of a request-time feature: a view's feature, or a field that the request supplies.

    ``view`` is None for a request field.
    """

    name: str
    view: str | None
    type: ColumnType


class RequestFeaturePlan(PlanStruct, frozen=True, kw_only=True):
    """A request-time feature: the function of that name in the domain's ``transforms.py``.

    Where that has none, it is the number that the request supplies under its name.
    """

    name: str
    view: str
    parameters: tuple[ParameterPlan, ...]

    @property
    def is_supplied(self) -> bool:
        """Whether its only parameter is the request field of its own name."""
        names = [(parameter.view, parameter.name) for parameter in self.parameters]
        return names == [(None, self.name)] and self.parameters[0].type in NUMERIC


class FeatureRef(PlanStruct, frozen=True, kw_only=True):
    """One input of a model: a stream feature (``kind="stream"``) or a request-time one (``kind="request"``)."""

    view: str
    feature: str
    kind: Literal["stream", "request"]


class ServicePlan(PlanStruct, frozen=True, kw_only=True):
    """The features of one model, in the order of its input vector."""

    name: str
    features: tuple[FeatureRef, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names as they stand in vectors, records and bundles: ``view:feature``."""
        return tuple(f"{ref.view}:{ref.feature}" for ref in self.features)


class Plan(PlanStruct, frozen=True, kw_only=True):
    """A domain, compiled.

    ``key_ttl_s`` is after how long without a write an entity expires, None: never. ``retention_us`` tells by topic how
    long records stay in the lake, those of others for ever.
    """

    format: Literal[1] = 1
    project: str
    sources: tuple[SourcePlan, ...]
    views: tuple[ViewPlan, ...]
    request_features: tuple[RequestFeaturePlan, ...]
    services: tuple[ServicePlan, ...]
    transforms_sha256: str
    key_ttl_s: int | None = None
    retention_us: Mapping[str, int] = {}

    @property
    def hash(self) -> str:
        """Content hash, 16 hexadecimal digits."""
        return content_hash(self)

    def source(self, topic: str) -> SourcePlan:
        """The source that reads this topic; DomainError if there is none."""
        for source in self.sources:
            if source.topic == topic:
                return source
        raise DomainError(
            f"topic {topic}", "is not a source of this domain", f"it has {[s.topic for s in self.sources]}"
        )

    def views_of(self, topic: str) -> tuple[ViewPlan, ...]:
        """The views that a topic feeds, in plan order."""
        return tuple(view for view in self.views if topic in view.topics)

    def source_of(self, view: ViewPlan) -> SourcePlan:
        """How a view's events look, from whichever topic: as its topic declares them, or as all of its topics do."""
        sources = [self.source(topic) for topic in view.topics]
        return sources[0] if len(sources) == 1 else _shared(view, sources)

    def view(self, name: str) -> ViewPlan:
        """The view of that name; DomainError if there is none."""
        for view in self.views:
            if view.name == name:
                return view
        raise DomainError(f"view {name}", "is not declared", f"declared are {[v.name for v in self.views]}")

    def service(self, name: str) -> ServicePlan:
        """The feature service of that name; DomainError if there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise DomainError(f"service {name}", "is not declared", f"declared are {[s.name for s in self.services]}")

    def views_of_service(self, name: str) -> tuple[ViewPlan, ...]:
        """The stream views that a service's features need, request-time parameters included, in plan order."""
        service = self.service(name)
        wanted = {ref.view for ref in service.features if ref.kind == "stream"}
        asked = {(ref.view, ref.feature) for ref in service.features if ref.kind == "request"}
        for feature in self.request_features:
            if (feature.view, feature.name) in asked:
                wanted.update(p.view for p in feature.parameters if p.view is not None)
        return tuple(view for view in self.views if view.name in wanted)


def _shared(view: ViewPlan, sources: Sequence[SourcePlan]) -> SourcePlan:
    """The columns that a view needs, which all of its topics have, as if they were sent; and its masks.

    It describes events that are read already, which `features.view_events` joins; it decodes none.
    """
    aggregated = {feature.column for feature in view.features}
    masks = tuple(mask for mask in sources[0].masks if mask.name in aggregated)
    needed = {key.name for key in view.keys} | aggregated
    needed |= {name for mask in masks for name in (mask.column, mask.where)}
    columns = tuple(
        ColumnPlan(
            name=column.name,
            type=column.type,
            nullable=any(source.column(column.name).nullable for source in sources),
            decimals=column.decimals,
        )
        for column in sources[0].stored
        if column.name in needed
    )
    return SourcePlan(
        topic=" and ".join(view.topics),
        timestamp_column=sources[0].timestamp_column,
        columns=columns,
        max_ahead_us=max(source.max_ahead_us for source in sources),
        masks=masks,
    )


def content_hash(part: msgspec.Struct) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a struct's canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(part, order="sorted")).hexdigest()[:16]


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan as readable JSON, atomically."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(plan), indent=1))


def load_plan(path: Path) -> Plan:
    """Read a plan; DomainError when the file is missing or not a plan of this format."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        raise DomainError(str(path), "there is no compiled plan", "run `millstream apply`") from None
    except msgspec.MsgspecError as error:
        raise DomainError(str(path), f"is not a plan ({error})", "run `millstream apply`") from error
