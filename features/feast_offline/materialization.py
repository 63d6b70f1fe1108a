"""Writes Feast's fields of a stream view as of an instant, and never over newer ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from features.agreement import learn_erasures
from features.errors import ErasureMissedError, PlanMismatchError
from features.feast_layout import FeastRow, KeyLayout, decode_timestamp
from features.feast_offline.latest_rows import LatestRows, latest_rows
from features.feast_offline.site import Site
from features.plan import Plan, ViewPlan
from features.store import Birth, FeastWrite, Store

CHUNK = 100
"""Entities a write: one script call."""


async def materialize_view(
    site: Site, store: Store, view: ViewPlan, start_us: int, end_us: int, progress: Callable[[int], object]
) -> int:
    """Write the fields that the stream would have shown at the end of a range; how many entities were written.

    Parameters
    ----------
    site, store
        The domain, and a connected store.
    view
        Which view.
    start_us, end_us
        Entities whose newest event up to the end lies in this range are written, as Feast has it.
    progress
        Told of each chunk, by its number of entities.

    Returns
    -------
    int
        Entities that had no fields of the view as new as these. States are not touched; where an entity is forgotten
        meanwhile, all is computed anew without it.

    """
    while True:
        await learn_erasures(store, site.lake, site.plan)
        _refuse_other_births(view, (await store.read_certificate()).births)
        events = await asyncio.to_thread(site.view_events, view, site.events)
        rows = latest_rows(view, site.plan.source_of(view), events, start_us, end_us)
        site.refuse_dropped(view, rows.newest_us + 1)
        _refuse_other_births(view, (await store.read_certificate()).births)  # the lake may have taken minutes
        try:
            return await _write(store, site.plan, view, rows, progress)
        except ErasureMissedError:
            continue


def _refuse_other_births(view: ViewPlan, births: Iterable[Birth]) -> None:
    """PlanMismatchError where workers keep Feast's fields of another declaration of the view."""
    shown = [birth for birth in births if birth.view == view.name and birth.feast]
    if shown and all(birth.view_hash != view.hash for birth in shown):
        older = "the store's birth: put the new plan in force, `millstream rollout`"
        raise PlanMismatchError(f"Feast's fields of view {view.name}", shown[-1].view_hash, view.hash, older)


async def _write(store: Store, plan: Plan, view: ViewPlan, rows: LatestRows, progress: Callable[[int], object]) -> int:
    """Write all rows that are newer than what stands."""
    layout, row = KeyLayout(plan.project, view.keys), FeastRow(view)
    n_written = 0
    for begin in range(0, len(rows.entities), CHUNK):
        chunk = slice(begin, begin + CHUNK)
        writes = {}
        for entity, newest_us, values in zip(
            rows.entities[chunk], rows.newest_us[chunk].tolist(), rows.values[chunk], strict=True
        ):
            key = layout.key(entity)
            writes[key] = (newest_us, FeastWrite(key, b"", row.fields(values, newest_us)))
        n_chunk = len(writes)
        while writes:
            asked = list(writes.values())
            answers = await store.write_feast_fields(view.name, [write for _, write in asked], key_ttl_s=plan.key_ttl_s)
            n_written += answers.count(None)
            writes = {
                write.key: (newest_us, write._replace(expected=stood))
                for (newest_us, write), stood in zip(asked, answers, strict=True)
                if stood is not None and (not stood or decode_timestamp(stood) < newest_us)
            }
        progress(n_chunk)
    return n_written
