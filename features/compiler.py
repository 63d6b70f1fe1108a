"""The plan compiler: a domain's Feast declarations become the plan that everyone else reads.

With `features.declarations` this is the only part of the engine that imports Feast; import it lazily.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from features.declarations.folder import (
    check_file_names,
    check_project_suffix,
    key_ttl_s,
    read_store_config,
)
from features.declarations.objects import Declared, domain_files, load_declared, quiet_feast
from features.declarations.registry import apply_to_registry, client_config, known_projects
from features.declarations.request import compile_request_view
from features.declarations.retention import compile_retention
from features.declarations.service import check_models, compile_service
from features.declarations.source import Folder, compile_source
from features.declarations.topics import stream_source_of, topics_of
from features.declarations.view import CompiledView, check_field_collisions, compile_view
from features.domain import STORE_FILE, load_domain, project_name
from features.errors import DomainError
from features.plan import Plan, RequestFeaturePlan, SourcePlan, ViewPlan
from features.plan_shelf import APPLIED, put_on_shelf, write_if_changed
from features.settings import StoreSettings
from features.transforms import TRANSFORMS_FILE, load_transforms, transforms_sha256, transforms_text


class _Compiled(NamedTuple):
    plan: Plan
    declared: Declared


def compile_plan(repo: Path) -> Plan:
    """Compile a domain, touching neither registry nor store.

    Parameters
    ----------
    repo
        The domain folder.

    Returns
    -------
    Plan
        The same at each compile of the same files, in any process.

    Raises
    ------
    DomainError
        The domain declares something that the engine refuses; says what, where, and what to do.

    """
    return _compile(repo.resolve()).plan


def apply_domain(repo: Path, state_dir: Path, store: StoreSettings) -> Plan:
    """Compile a domain, bring Feast's registry to it, and write the plan where the other processes find it.

    An apply of unchanged files changes nothing, in the registry or in the state folder.

    Parameters
    ----------
    repo
        The domain folder; a relative SQLite registry lies in it.
    state_dir
        Folder that gets the plan (see `features.plan_shelf`) and a ``feature_store.yaml`` with which stock Feast
        clients reach registry and store from anywhere.
    store
        Where the online store is; only written down, not connected to.

    Returns
    -------
    Plan
        What was applied.

    Raises
    ------
    DomainError
        The domain declares something that the engine refuses; nothing was written.

    """
    repo = repo.resolve()
    plan, declared = _compile(repo)
    check_project_suffix(plan.project, [*known_projects(repo), *_neighbours(state_dir)])
    apply_to_registry(repo, declared, plan)
    state_dir.mkdir(parents=True, exist_ok=True)
    write_if_changed(state_dir / STORE_FILE, client_config(repo, state_dir.parent, store).encode())
    transforms = repo / TRANSFORMS_FILE
    put_on_shelf(plan, transforms.read_bytes() if transforms.exists() else b"", state_dir)
    return plan


def _compile(repo: Path) -> _Compiled:
    """Plan and the Feast objects that it was compiled from."""
    check_file_names(repo, domain_files(repo))
    config = read_store_config(repo)
    domain = load_domain(repo)
    functions = load_transforms(repo)
    declared = load_declared(repo)
    with quiet_feast():
        sources, views = _compile_views(declared, Folder(repo, functions, transforms_text(repo)))
        by_name = {view.name: view for view in views}
        requests = {view.name: compile_request_view(view, by_name, functions) for view in declared.request_views}
        _check_request_fields(requests)
        services = tuple(compile_service(service, by_name, requests) for service in declared.services)
    if not services:
        raise DomainError("definitions.py", "declares no FeatureService", "declare one for each model")
    plan = Plan(
        project=project_name(repo),
        sources=sources,
        views=views,
        request_features=tuple(feature for features in requests.values() for feature in features),
        services=services,
        transforms_sha256=transforms_sha256(repo),
        key_ttl_s=key_ttl_s(repo, config, _remembered_us(views, sources)),
        retention_us=_retention_us(declared, views),
    )
    check_models(domain, plan)
    return _Compiled(plan, declared)


def _compile_views(declared: Declared, folder: Folder) -> tuple[tuple[SourcePlan, ...], tuple[ViewPlan, ...]]:
    """Sources and views in declared order; the join keys of all entities stay unquantised in every source."""
    entities = {entity.name: entity for entity in declared.entities}
    join_keys = frozenset(str(entity.join_key) for entity in declared.entities)
    sources: dict[str, SourcePlan] = {}
    for source in [*map(stream_source_of, declared.stream_views), *declared.sources]:
        compiled = compile_source(source, join_keys, folder)
        if sources.setdefault(compiled.topic, compiled) != compiled:
            raise DomainError(
                f"KafkaSource {source.name}",
                f"declares topic {compiled.topic} otherwise than another source",
                "declare the topic once and share the KafkaSource",
            )
    compiled_views = [
        compile_view(view, [sources[topic] for topic in topics_of(view, declared.sources)], entities)
        for view in declared.stream_views
    ]
    views = tuple(view.plan for view in compiled_views)
    check_field_collisions(views, _batch_fields(declared))
    return tuple(_with_masks(source, compiled_views) for source in sources.values()), views


def _with_masks(source: SourcePlan, views: Sequence[CompiledView]) -> SourcePlan:
    """A source with the masked columns that its views read, each once."""
    masks = dict.fromkeys(mask for view in views if source.topic in view.plan.topics for mask in view.masks)
    return msgspec.structs.replace(source, masks=tuple(masks))


def _retention_us(declared: Declared, views: tuple[ViewPlan, ...]) -> dict[str, int]:
    """How long the records of each topic are kept, where not for ever."""
    sources = [*map(stream_source_of, declared.stream_views), *declared.sources]
    kept = {str(source.kafka_options.topic): compile_retention(source, views) for source in sources}
    return {topic: keep_us for topic, keep_us in kept.items() if keep_us is not None}


def _batch_fields(declared: Declared) -> list[tuple[tuple[str, ...], str, str]]:
    """Features of batch views, which stand in the same hashes as the streams'."""
    fields: list[tuple[tuple[str, ...], str, str]] = []
    for view in declared.batch_views:
        keys = tuple(sorted(field.name for field in view.entity_columns))
        fields += [(keys, str(view.name), str(field.name)) for field in view.features]
    return fields


def _check_request_fields(requests: dict[str, tuple[RequestFeaturePlan, ...]]) -> None:
    """A request field has one type, whatever view declares it; no two views share a name."""
    types: dict[str, Any] = {}
    for features in requests.values():
        for parameter in (p for feature in features for p in feature.parameters if p.view is None):
            if types.setdefault(parameter.name, parameter.type) != parameter.type:
                raise DomainError(
                    f"request field {parameter.name}",
                    f"is declared {types[parameter.name]} and {parameter.type}",
                    "declare it once and share the RequestSource",
                )


def _remembered_us(views: tuple[ViewPlan, ...], sources: tuple[SourcePlan, ...]) -> int | None:
    """How long after it came an event can still count; None where that is for ever.

    A window and the hop that its tail is rounded down by; and its time may be ahead of the clock when it comes.
    """
    ahead_us = {source.topic: source.max_ahead_us for source in sources}
    longest_us = 0
    for view in views:
        for feature in view.features:
            if feature.window_us is None or feature.hop_us is None:
                return None
            most_ahead_us = max(ahead_us[topic] for topic in view.topics)
            longest_us = max(longest_us, feature.window_us + feature.hop_us + most_ahead_us)
    return longest_us


def _neighbours(state_dir: Path) -> list[str]:
    """Projects whose state folders stand beside this one."""
    return [path.parent.name for path in state_dir.parent.glob(f"*/{APPLIED}")]
