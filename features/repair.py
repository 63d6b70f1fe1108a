"""Makes one entity's state anew from the lake, by compare and set, so that the stream may go on writing meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from features.agreement import learn_erasures
from features.bootstrap import birth_of, fold_lake, state_write
from features.errors import RequestError, UnavailableError
from features.feast_layout import entity_key, field_name, state_field, timestamp_field
from features.kernels import open_kernel
from features.lake import Lake, declared_name
from features.lake_reach import LakeEnds
from features.nouns import KeyValue
from features.plan import Plan, ViewPlan
from features.state import head_of
from features.store import Birth, Store
from features.view_events import read_events

ATTEMPTS = 10
"""Tries before a hot entity is given up: each loses only to a write of the stream."""


async def repair_entity(store: Store, lake: Lake, plan: Plan, view_name: str, entity: Mapping[str, KeyValue]) -> bool:
    """Replace the stored state of one entity by what the lake folds to at the same positions.

    Where all its events have been erased since, nothing takes its place.

    Parameters
    ----------
    store, lake, plan
        Where the state is, where its events are, and what they mean.
    view_name, entity
        Which state; ``entity`` holds the view's join keys.

    Returns
    -------
    bool
        False if there is no stored state, so that nothing was to be repaired.

    Raises
    ------
    RequestError
        A join key is missing.
    UnavailableError
        The lake does not cover the state's positions yet, or the stream wrote the entity at every attempt.

    """
    view = plan.view(view_name)
    source = plan.source_of(view)
    missing = [key.name for key in view.keys if key.name not in entity]
    if missing:
        raise RequestError(missing[0], "is a join key and is not given", f"view {view_name} needs it")
    kernel, birth = open_kernel(view, source), birth_of(await store.read_certificate(), view)
    key = entity_key(plan.project, view.keys, [entity[key.name] for key in view.keys])
    erasures = await learn_erasures(store, lake, plan)
    for _ in range(ATTEMPTS):
        (stored,) = await store.read_states(view_name, birth.id, [key])
        if stored is None:
            return False
        old, ends = kernel.decode_head(stored), LakeEnds(lake)
        for (log, partition), offset in old.positions.items():
            if ends.end(view.topics, log, partition) <= offset:
                raise UnavailableError("lake", f"does not cover {log}/{partition} up to {offset} yet; try again")
        events = read_events(lake, plan, view, upto=old.positions, keep=_events_of(entity, view))
        states, _ = fold_lake(events, view, source, plan.project, erasures)
        if key not in states and erasures.records:
            if await store.erase_fields(key, {state_field(view_name, birth.id): head_of(stored)}, _fields(view, birth)):
                return True
            continue
        if key not in states:
            raise UnavailableError("lake", f"holds no event of {dict(entity)} at or below the state's positions")
        fresh = states[key]
        fresh.positions, fresh.repair = dict(old.positions), max(old.repair + 1, fresh.repair)
        (answer,) = await store.write_states(view_name, birth.id, [state_write(kernel, key, head_of(stored), fresh)])
        if answer is None:
            return True
    raise UnavailableError("store", f"the stream wrote {dict(entity)} at each of {ATTEMPTS} attempts; try again")


def _events_of(entity: Mapping[str, KeyValue], view: ViewPlan) -> Callable[[pa.Table], pa.Table]:
    def keep(table: pa.Table) -> pa.Table:
        for key in view.keys:
            table = table.filter(pc.equal(table.column(declared_name(key.name)), pa.scalar(entity[key.name])))
        return table

    return keep


def _fields(view: ViewPlan, birth: Birth) -> list[bytes]:
    """All that stands of a birth in an entity's hash; Feast's fields, which a view has once, only if they show it."""
    if not birth.feast:
        return [state_field(view.name, birth.id)]
    features = [field_name(view.name, feature) for feature in view.feature_names]
    return [state_field(view.name, birth.id), timestamp_field(view.name), *features]
