"""`FeatureService` → `ServicePlan`: the order of a model's input, and what ``model.yaml`` says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.domain import Domain
from features.errors import DomainError
from features.model_file import MODEL_FILE, ModelSpec
from features.plan import FeatureRef, Plan, RequestFeaturePlan, ServicePlan, ViewPlan


def compile_service(
    service: Any, views: Mapping[str, ViewPlan], requests: Mapping[str, Sequence[RequestFeaturePlan]]
) -> ServicePlan:
    """Check one service and put it into the plan's form."""
    where = f"FeatureService {service.name}"
    refs = tuple(ref for item in service.feature_view_projections for ref in _refs(where, item, views, requests))
    names = [f"{ref.view}:{ref.feature}" for ref in refs]
    for name in names:
        if names.count(name) > 1:
            raise DomainError(where, f"names {name} twice", "name it once")
    if not refs or service._pending_feature_refs:  # Feast keeps references by text there until it applies them
        raise DomainError(where, "names no views, or names them by text", "list the view objects themselves")
    return ServicePlan(name=service.name, features=refs)


def _refs(
    where: str,
    projection: Any,
    views: Mapping[str, ViewPlan],
    requests: Mapping[str, Sequence[RequestFeaturePlan]],
) -> list[FeatureRef]:
    """Features of one projection; a whole stream view in the order of its aggregations."""
    name = projection.name
    if projection.name_alias not in {None, "", name} or projection.join_key_map:
        raise DomainError(f"{where}: {name}", "is renamed or joined by other keys", "use the view as it is declared")
    wanted = [field.name for field in projection.features]
    if name in views:
        known: Sequence[str] = views[name].feature_names
    elif name in requests:
        known = [feature.name for feature in requests[name]]
    else:
        raise DomainError(
            f"{where}: {name}", "is no stream or on-demand view of this domain", "the engine serves only those"
        )
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise DomainError(f"{where}: {name}", f"has no feature {unknown[0]!r}", f"it has {sorted(known)}")
    ordered = known if set(wanted) == set(known) else wanted
    if name in views:
        return [FeatureRef(view=name, feature=feature, kind="stream") for feature in ordered]
    return [FeatureRef(view=name, feature=feature, kind="request") for feature in ordered]


def check_models(domain: Domain, plan: Plan) -> None:
    """Refuse a ``model.yaml`` that names what the declarations do not have, or uses protected columns."""
    for name, model in domain.models.items():
        where = f"{domain.repo / MODEL_FILE}: models.{name}"
        services = [service.name for service in plan.services]
        if model.service not in services:
            raise DomainError(f"{where}.service", f"{model.service!r} is not declared", f"declared are {services}")
        names = plan.service(model.service).feature_names
        for feature in filter(None, (model.baseline_feature, *model.missing.features)):
            if feature not in names:
                raise DomainError(where, f"its service has no feature {feature!r}", "write view:feature")
        _check_protected(where, model, plan)
        if model.dataset is None:
            domain.labels_sql(name)
        elif not model.timed and (views := plan.views_of_service(model.service)):
            raise DomainError(
                f"{where}.split.test_share",
                f"says that observations have no instants, and {views[0].name} is computed as of one",
                "leave it out, and split by time",
            )


def _check_protected(where: str, model: ModelSpec, plan: Plan) -> None:
    """Refuse features that are computed from a protected column or request field."""
    columns = {column.name for source in plan.sources for column in source.stored}
    fields = {p.name for feature in plan.request_features for p in feature.parameters if p.view is None}
    for name in model.protected:
        if name not in columns | fields:
            raise DomainError(f"{where}.protected", f"{name!r} is no column and no request field", "correct its name")
    for feature, column in _origins(model.service, plan):
        if column in model.protected:
            raise DomainError(
                f"{where}.protected", f"{feature} is computed from {column}", "leave it out of the service"
            )


def _origins(service: str, plan: Plan) -> list[tuple[str, str]]:
    """(feature, column or request field that it is computed from) of a service."""
    columns = {
        (view.name, f.name): frozenset().union(*(plan.source(topic).origins(f.column) for topic in view.topics))
        for view in plan.views
        for f in view.features
    }
    parameters = {(f.view, f.name): f.parameters for f in plan.request_features}
    origins: list[tuple[str, str]] = []
    for ref in plan.service(service).features:
        label = f"{ref.view}:{ref.feature}"
        if ref.kind == "stream":
            origins += [(label, column) for column in sorted(columns[ref.view, ref.feature])]
        else:
            taken = parameters[ref.view, ref.feature]
            for p in taken:
                found = [p.name] if p.view is None else sorted(columns[p.view, p.name])
                origins += [(label, column) for column in found]
    return origins
