"""How far the workers of a plan are behind, told by the store alone."""

from __future__ import annotations

import pytest

from deploy.feeding import behind
from features.errors import BirthMissingError, LogNotAdoptedError
from features.memory_store import MemoryStore
from features.store import AdoptedLog, Birth
from tests.streams.shop import LOG, OTHER_LOG, TOPIC, plan, view

OLD, NEW = view("spend", "aa"), view("visits", "bb")
PLAN = plan("shop", OLD, NEW)


async def stocked() -> MemoryStore:
    store = MemoryStore()
    await store.connect()
    await store.adopt_log(AdoptedLog(topic=TOPIC, log=LOG, start={1: 40}))
    await store.write_birth(Birth(view="spend", view_hash="aa", id="b1", cut={}, serving=True))
    await store.write_progress({("b1", LOG, 0): 100, ("b1", LOG, 1): 100})
    return store


async def test_the_slowest_view_counts() -> None:
    """One that nobody feeds yet stands at its cut, or at the adopted start; other topics and logs count elsewhere."""
    store = await stocked()
    ends = {(TOPIC, LOG, 0): 100, (TOPIC, LOG, 1): 90, ("others", OTHER_LOG, 0): 7}
    assert await behind(store, plan("shop", OLD), ends) == 0
    with pytest.raises(BirthMissingError, match="visits"):
        await behind(store, PLAN, ends)
    await store.write_birth(Birth(view="visits", view_hash="bb", id="b2", cut={LOG: {0: 70}}, serving=False))
    assert await behind(store, PLAN, ends) == (100 - 70) + (90 - 40)
    await store.write_progress({("b2", LOG, 1): 89})
    assert await behind(store, PLAN, ends) == (100 - 70) + 1
    await store.write_progress({("b2", LOG, 0): 110, ("b2", LOG, 1): 90})
    assert await behind(store, PLAN, ends) == 0


async def test_a_topic_that_nobody_adopted_is_not_waited_for_in_vain() -> None:
    """No worker will read it."""
    store = await stocked()
    with pytest.raises(LogNotAdoptedError, match="millstream adopt"):
        await behind(store, plan("shop", OLD), {(TOPIC, OTHER_LOG, 0): 1})
