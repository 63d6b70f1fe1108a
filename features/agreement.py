"""Lake and store both hold the erasures, so that either may be lost or come back old: each learns from the other.

The store's copy of an erasure is completed (by the end of the scores) only once the entity's states are deleted. So a
store that forgets its last seconds, and the deletion with them, is seen to lack something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import msgspec

from features.entity_eraser import EntityStore, delete_forgotten
from features.erasure import Erasure, Erasures
from features.nouns import SCORES_TOPIC
from features.plan import Plan


class ErasureLake(Protocol):
    """The part of the lake that erasures are recorded in."""

    def erasures(self) -> Erasures:
        """Entities that were forgotten."""
        ...

    def record_erasures(self, erasures: Iterable[Erasure]) -> Erasures:
        """Record some, durably; all that are recorded then."""
        ...


class ErasureStore(EntityStore, Protocol):
    """The part of the store that erasures are told to."""

    def know_erasures(self, n_erasures: int) -> None:
        """Write from now on as one who leaves out so many forgotten entities."""
        ...

    async def raise_erasure(self, erasure: Erasure) -> None:
        """Refuse from then on writers that do not know it."""
        ...


async def agree_on_erasures(store: ErasureStore, lake: ErasureLake, plan: Plan) -> Erasures:
    """Tell lake and store what the other knows, and delete what the store still has of forgotten entities.

    Parameters
    ----------
    store
        Learns what it has lost, from the lake.
    lake
        Learns what it has lost (brought back from an old copy), from the store. Such an erasure is not carried out in
        the files that came back with it, so readers leave its rows out until it is.
    plan
        The domain.

    Returns
    -------
    Erasures
        All that either knew.

    """
    recorded = await asyncio.to_thread(lake.erasures)
    raised = (await store.read_certificate()).erasures
    known = {erasure.id for erasure in recorded.records}
    if lost := [erasure for erasure in raised if erasure.id not in known]:
        recorded = await asyncio.to_thread(lake.record_erasures, lost)
    held = {erasure.id: erasure for erasure in raised}
    wanted = [msgspec.structs.replace(erasure, carried_out=False) for erasure in recorded.records]
    behind = [erasure for erasure in wanted if held.get(erasure.id) != erasure]
    for erasure in behind:
        ends = {topic: logs for topic, logs in erasure.ends.items() if topic != SCORES_TOPIC}
        await store.raise_erasure(msgspec.structs.replace(erasure, ends=ends))
    if behind:
        await delete_forgotten(store, plan.project, recorded)
        for erasure in behind:
            await store.raise_erasure(erasure)
    return recorded


async def learn_erasures(store: ErasureStore, lake: ErasureLake, plan: Plan) -> Erasures:
    """Agree on the erasures, and write states from now on as one who knows them.

    For whoever writes what he computes after this call. A worker, which has states in memory, agrees first and knows
    only with the engine that begins anew.

    Parameters
    ----------
    store, lake, plan
        As of `agree_on_erasures`.

    Returns
    -------
    Erasures
        All that either knew.

    """
    erasures = await agree_on_erasures(store, lake, plan)
    store.know_erasures(len(erasures))
    return erasures
