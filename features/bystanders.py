"""Other entities whose states the events of a forgotten one went into: made anew without them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from features.erasure import Erasures
from features.errors import BirthMissingError, UnavailableError
from features.lake import Lake, declared_name
from features.nouns import KeyValue
from features.plan import Plan, ViewPlan
from features.plan_shelf import each_view
from features.repair import repair_entity
from features.store import Store

RETRY_S: Final = 0.2
PATIENCE: Final = 150
"""Tries to make a state anew while the lake does not cover it yet."""


async def make_bystanders_anew(
    store: Store, lake: Lake, plans: Sequence[Plan], erasures: Erasures
) -> dict[str, set[str]]:
    """Make anew the states of other entities that erased events went into.

    Parameters
    ----------
    store, lake
        Where states and events are.
    plans
        What they mean: all that anybody runs, for each has states of its own.
    erasures
        Those not carried out yet: bystanders are found by the rows that the lake's files still show.

    Returns
    -------
    dict
        Hashes of the entities, by name of the view.

    """
    made: dict[str, set[str]] = {}
    for plan, view in each_view(plans):
        others = erasures.without_keys_in([key.name for key in view.keys])
        if others.records:
            entities = await asyncio.to_thread(_bystanders, lake, plan, view, others)
            for entity in entities:
                await _make_anew(store, lake, plan, view, entity)
            made.setdefault(view.name, set()).update(map(erasures.hash, entities))
    return made


async def _make_anew(store: Store, lake: Lake, plan: Plan, view: ViewPlan, entity: Mapping[str, KeyValue]) -> None:
    for attempt in range(PATIENCE):
        try:
            await repair_entity(store, lake, plan, view.name, entity)
            return
        except BirthMissingError:
            return  # no state of it, and the birth that is to come leaves the events out
        except UnavailableError:
            if attempt == PATIENCE - 1:
                raise
            await asyncio.sleep(RETRY_S)  # the lake does not cover the state yet


def _bystanders(lake: Lake, plan: Plan, view: ViewPlan, erasures: Erasures) -> list[dict[str, KeyValue]]:
    """Entities of a view that have events among the erased ones."""
    names = [key.name for key in view.keys]
    entities: set[tuple[KeyValue, ...]] = set()
    for topic in view.topics:
        rows = lake.read_erased(plan.source(topic), erasures)
        values = (rows.column(declared_name(name)).to_pylist() for name in names)
        entities.update(entity for entity in zip(*values, strict=True) if None not in entity)
    return [dict(zip(names, entity, strict=True)) for entity in sorted(entities, key=str)]
