"""`StreamFeatureView` → `ViewPlan`: the features of an entity, each a function of a column over a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import mmh3
import msgspec
from feast import ValueType
from feast.feature_view import DUMMY_ENTITY_NAME
from feast.types import Float64, Int32, Int64, String

from features.aggregates import aggregate_of
from features.declarations.aggregation import HalfLives, check_name, compile_aggregation
from features.declarations.filters import compile_filters
from features.declarations.topics import check_alike
from features.errors import DomainError
from features.plan import AggregatePlan, EntityKeyPlan, MaskPlan, PlanStruct, SourcePlan, ViewPlan, content_hash
from features.plan import ValueType as PlanValueType

KeyType = Literal["string", "int32", "int64"]

_KEY_TYPES: Mapping[Any, KeyType] = {ValueType.STRING: "string", ValueType.INT32: "int32", ValueType.INT64: "int64"}
_FIELDS: Mapping[PlanValueType, Any] = {"int64": Int64, "float64": Float64}
_KEY_FIELDS: Mapping[KeyType, Any] = {"string": String, "int32": Int32, "int64": Int64}
_MICROSECOND = timedelta(microseconds=1)


class _Hashed(PlanStruct, frozen=True, kw_only=True):
    """What a view's hash covers: its own declaration and those of its sources."""

    view: ViewPlan
    sources: tuple[SourcePlan, ...]


class CompiledView(NamedTuple):
    """A view in the plan's form, and the masked columns that it reads of its sources."""

    plan: ViewPlan
    masks: tuple[MaskPlan, ...]


def compile_view(view: Any, sources: Sequence[SourcePlan], entities: Mapping[str, Any]) -> CompiledView:
    """Check one view and put it into the plan's form, with its hash; its own source stands before further ones."""
    where = f"StreamFeatureView {view.name}"
    source = sources[0]
    check_name(where, view.name)
    _refuse_what_is_ignored(where, view)
    if view.timestamp_field != source.timestamp_column:
        raise DomainError(
            f"{where}: timestamp_field",
            f"is {view.timestamp_field!r}, its source says {source.timestamp_column!r}",
            "use the source's",
        )
    if view.entities == [DUMMY_ENTITY_NAME]:
        raise DomainError(f"{where}: entities", "is entityless", "name the entity whose features these are")
    keys, *_ = [tuple(_compile_key(where, name, each, entities) for name in view.entities) for each in sources]
    half_lives = HalfLives(where, view.tags or {})
    features = tuple(compile_aggregation(where, item, source, half_lives) for item in view.aggregations)
    half_lives.refuse_unused()
    if not features:
        raise DomainError(f"{where}: aggregations", "is empty", "declare at least one Aggregation")
    _check_schema(where, view, keys, features)
    filters = compile_filters(where, view.tags, {feature.name: feature.column for feature in features}, source)
    masks = tuple(dict.fromkeys(filters.values()))
    check_alike(where, [feature.column for feature in features], masks, sources)
    plan = ViewPlan(
        name=view.name,
        topic=source.topic,
        keys=keys,
        features=tuple(_filtered(feature, filters.get(feature.name)) for feature in features),
        ttl_us=_microseconds(view.ttl),
        hash="",
        further_topics=tuple(other.topic for other in sources[1:]),
    )
    hashed = _Hashed(view=plan, sources=tuple(msgspec.structs.replace(each, masks=masks) for each in sources))
    return CompiledView(msgspec.structs.replace(plan, hash=content_hash(hashed)), masks)


def check_field_collisions(views: Iterable[ViewPlan], others: Iterable[tuple[tuple[str, ...], str, str]] = ()) -> None:
    """Refuse two features of one entity whose 32-bit field names in the online store are the same.

    ``others`` are features of batch views: (join keys, view, feature).
    """
    mine = (
        (tuple(sorted(k.name for k in view.keys)), view.name, name) for view in views for name in view.feature_names
    )
    seen: dict[tuple[tuple[str, ...], int], str] = {}
    for keys, view, feature in (*mine, *others):
        name = f"{view}:{feature}"
        field = (keys, mmh3.hash(name))
        other = seen.setdefault(field, name)
        if other != name:
            raise DomainError(
                f"features {other} and {name}", "share one field name in Feast's Redis layout", "rename one of them"
            )


def _refuse_what_is_ignored(where: str, view: Any) -> None:
    """Refuse options of Feast that would have no effect here, rather than ignore them in silence."""
    if view.udf is not None or view.feature_transformation is not None:
        raise DomainError(
            where, "has a transformation, which the stream does not run", "declare aggregations of the topic's columns"
        )
    if view.enable_tiling:
        raise DomainError(f"{where}: enable_tiling", "has no effect: the engine tiles by slide_interval", "remove it")
    if not view.online:
        raise DomainError(
            f"{where}: online", "is False, so nothing could be served", "set it to True, or remove the view"
        )
    if view.version != "latest":
        raise DomainError(f"{where}: version", f"pins {view.version!r}", "remove it: plans are pinned by their hash")
    if view.ttl is not None and view.ttl < timedelta(0):
        raise DomainError(f"{where}: ttl", "is negative", "use timedelta(0) for features that never go stale")


def _compile_key(where: str, name: str, source: SourcePlan, entities: Mapping[str, Any]) -> EntityKeyPlan:
    """One entity of a view: its join key must stand in each event, with the type that the entity says."""
    entity = entities.get(name)
    if entity is None:
        raise DomainError(f"{where}: entities", f"{name!r} is not declared", "assign its Entity to a name in the file")
    key, kind = str(entity.join_key), _KEY_TYPES.get(entity.value_type)
    if kind is None:
        raise DomainError(
            f"Entity {name}: value_type", f"is {entity.value_type.name}", "use ValueType.STRING, INT32 or INT64"
        )
    try:
        column = source.column(key)
    except KeyError:
        raise DomainError(
            f"Entity {name}: join_keys",
            f"{key!r} is no column of topic {source.topic}",
            "add it to the source's schema",
        ) from None
    if column.type != kind or column.nullable:
        raise DomainError(
            f"topic {source.topic}: column {key}",
            f"is {column.type}{' and may be null' if column.nullable else ''}, entity {name} needs {kind} not null",
            "declare both alike",
        )
    return EntityKeyPlan(name=key, type=kind)


def _filtered(feature: AggregatePlan, mask: MaskPlan | None) -> AggregatePlan:
    """The feature of the events that its filter lets through."""
    return feature if mask is None else msgspec.structs.replace(feature, column=mask.name)


def _check_schema(where: str, view: Any, keys: tuple[EntityKeyPlan, ...], features: tuple[AggregatePlan, ...]) -> None:
    """The schema must list the join keys and exactly the aggregations' outputs, with the types that they have."""
    names = [feature.name for feature in features]
    for name in names:
        if names.count(name) > 1:
            raise DomainError(f"{where}: aggregations", f"two are named {name!r}", "give each its own name")
    wanted = {feature.name: _FIELDS[aggregate_of(feature.function).value_type] for feature in features}
    for key in keys:
        if key.name in wanted:
            raise DomainError(f"{where}: feature {key.name}", "is named like its join key", "rename the feature")
        wanted[key.name] = _KEY_FIELDS[key.type]
    fields = [*view.entity_columns, *view.features]
    declared = {field.name: field.dtype for field in fields}
    for name, dtype in wanted.items():
        if name not in declared:
            raise DomainError(f"{where}: schema", f"has no Field {name!r}", f"add Field(name={name!r}, dtype={dtype})")
        if declared[name] != dtype:
            raise DomainError(
                f"{where}: schema",
                f"Field {name!r} is {declared[name]}",
                f"declare it {dtype}, which is what it will be",
            )
    for name in declared:
        if name not in wanted:
            raise DomainError(
                f"{where}: schema", f"Field {name!r} is no aggregation's name", "remove it, or aggregate it"
            )


def _microseconds(length: timedelta | None) -> int:
    return 0 if length is None else length // _MICROSECOND
