"""A stream view of Feast's registry → the same view of the plan, proven to be the same by its hash."""

from __future__ import annotations

from typing import Any

from feast import KafkaSource

from features.declarations.objects import quiet_feast
from features.declarations.registry import VIEW_TAG
from features.declarations.source import Folder, compile_source
from features.declarations.topics import stream_source_of, topics_of
from features.declarations.view import compile_view
from features.errors import PlanMismatchError
from features.feast_offline.site import Site
from features.plan import ViewPlan
from features.plan_shelf import functions_of, plan_folder, shelved_hashes, shelved_plan
from features.transforms import transforms_text

REGISTRY_IS_OLD = "Feast's registry: run `millstream apply` where it is"
PLAN_IS_OLD = "the plan: run `millstream apply`, not `feast apply` alone"


def planned_view(site: Site, view: Any, registry: Any) -> ViewPlan:
    """The view as the plan has it.

    Parameters
    ----------
    site
        The domain.
    view, registry
        Feast's `StreamFeatureView`, and the registry that it comes from.

    Raises
    ------
    PlanMismatchError
        Registry and plan were made from other declarations; says which of them is old.

    """
    theirs = (view.tags or {}).get(VIEW_TAG) or _compiled_hash(site, view, registry)
    ours = next((planned for planned in site.plan.views if planned.name == view.name), None)
    if ours is not None and ours.hash == theirs:
        return ours
    shelved = (shelved_plan(site.state_dir, plan) for plan in shelved_hashes(site.state_dir))
    known = any(planned.name == view.name and planned.hash == theirs for plan in shelved for planned in plan.views)
    raise PlanMismatchError(
        f"view {view.name} of Feast's registry",
        theirs,
        "there is none" if ours is None else ours.hash,
        REGISTRY_IS_OLD if known else PLAN_IS_OLD,
    )


def _compiled_hash(site: Site, view: Any, registry: Any) -> str:
    """Hash of a view that was applied without `millstream apply`, with the functions that the plan pins."""
    plan = site.plan
    with quiet_feast():
        entities = {entity.name: entity for entity in registry.list_entities(plan.project)}
        join_keys = frozenset(str(entity.join_key) for entity in entities.values())
        folder = Folder(
            site.repo, functions_of(plan, site.state_dir), transforms_text(plan_folder(site.state_dir, plan.hash))
        )
        found = [source for source in registry.list_data_sources(plan.project) if isinstance(source, KafkaSource)]
        declared = {str(source.kafka_options.topic): source for source in [*found, stream_source_of(view)]}
        sources = [compile_source(declared[topic], join_keys, folder) for topic in topics_of(view, declared.values())]
        return compile_view(view, sources, entities).plan.hash
