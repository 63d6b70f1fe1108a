"""Forgets an entity: records the erasure, carries it out in store and lake while workers run, and proves it.

Every step may be done twice and finds what is done already, so a run that was cut off anywhere is finished by the
next one: the record comes first, and holds all that the other steps need.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from features.agreement import learn_erasures
from features.bystanders import make_bystanders_anew
from features.clock import Clock
from features.entity_eraser import delete_forgotten, search_forgotten
from features.erasure import Ends, Erasure, Erasures, hash_entity
from features.errors import RequestError, UnavailableError
from features.lake import Lake
from features.lake.sweep import Swept
from features.nouns import SCORES_TOPIC, KeyValue, Struct
from features.plan import Plan, SourcePlan
from features.store import Store

SETTLE_S: Final = 2.0
"""How long after the record a file may still appear that was begun in ignorance of it."""

RETRY_S: Final = 0.1

ROUNDS: Final = 50
"""Looks through the lake before it is given up; each finds only what was written since the one before."""


class Forgotten(Struct, frozen=True, kw_only=True):
    """What was done, and what a search of every file, key and field found afterwards. No value of any entity.

    ``rows_unsearchable`` are refused records of a binary format that no declaration reads: whom they name is not known.
    """

    erasures: tuple[Erasure, ...]
    rows_erased: int
    files_rewritten: int
    states_made_anew: int
    files_searched: int
    rows_found: int
    rows_unsearchable: int
    keys_searched: int
    fields_searched: int
    fields_found: int

    @property
    def proven(self) -> bool:
        """Whether all was searched and nothing is left."""
        return self.rows_found == self.rows_unsearchable == self.fields_found == 0


class Neighbours(NamedTuple):
    """What the forgetting works on. ``read_ends`` asks the broker where topics end."""

    store: Store
    lake: Lake
    read_ends: Callable[[Sequence[str]], Ends]
    clock: Clock


class Forgetter:
    """Forgets entities of one domain.

    Parameters
    ----------
    plans
        All that anybody runs, the serving one first: what each of them has written is forgotten.
    neighbours
        Store, lake, broker and clock.
    key
        Secret of the site.
    settle_s
        See `SETTLE_S`.

    """

    def __init__(
        self, plans: Sequence[Plan], neighbours: Neighbours, *, key: bytes, settle_s: float = SETTLE_S
    ) -> None:
        self._plans = plans
        self._store, self._lake, self._read_ends, self._clock = neighbours
        self._key = key
        self._settle_s = settle_s

    async def forget(self, entity: Mapping[str, KeyValue]) -> Forgotten:
        """Forget the entity with these join keys, or finish where an earlier run was cut off.

        Parameters
        ----------
        entity
            Join keys and values; entities of more keys are forgotten if they have these.

        Returns
        -------
        Forgotten
            What was done, and the proof.

        Raises
        ------
        RequestError
            A name is no join key of the domain.
        UnavailableError
            A neighbour is down; run it again.

        """
        _refuse_unknown(self._plans, entity)
        keys, hashed = tuple(sorted(entity)), hash_entity(self._key, entity)
        known = await self._agree()
        begun = [e for e in known.records if (e.keys, e.hash) == (keys, hashed) and not e.carried_out]
        if not begun:
            at_us = self._clock.now_us()
            erasure = Erasure(
                id=f"{at_us:014x}{secrets.token_hex(2)}",
                keys=keys,
                hash=hashed,
                at_us=at_us,
                ends=await self._covered_ends(),
            )
            await asyncio.to_thread(self._lake.record_erasures, [erasure])
            begun = [erasure]
        return await self._carry_out({erasure.id for erasure in begun})

    async def _agree(self) -> Erasures:
        return await learn_erasures(self._store, self._lake, self._plans[0])

    async def _covered_ends(self) -> Ends:
        """Where topics end, once the lake is there too or too far behind to wait for.

        Rows that the lake holds whole tell which other entities' states the events went into. Topics that nobody reads
        any more end where they did; where the scores end is known once no state rests on the events.
        """
        topics = {source.topic for plan in self._plans for source in plan.sources}
        left = {*await asyncio.to_thread(self._lake.topics)} - topics - {SCORES_TOPIC}
        ends = await asyncio.to_thread(self._ends, sorted(topics | left))
        until_us = self._clock.now_us() + self._settle_s * 1e6
        while self._clock.now_us() < until_us:
            tips = {topic: await asyncio.to_thread(self._lake.tips, topic) for topic in topics}
            if all(
                tips[topic].get(log, {}).get(partition, 0) >= end
                for topic in topics
                for log, partitions in ends[topic].items()
                for partition, end in partitions.items()
            ):
                break
            await asyncio.sleep(RETRY_S)
        return ends

    async def carry_out_again(self) -> Forgotten:
        """Carry out every recorded erasure anew: after a run that was cut off, or a lake brought back from a copy.

        Returns
        -------
        Forgotten
            What was done, and the proof.

        """
        known = await self._agree()
        return await self._carry_out({erasure.id for erasure in known.records})

    async def _carry_out(self, ids: set[str]) -> Forgotten:
        began_us = self._clock.now_us()
        erasures = await self._agree()  # from here on the store refuses writers that do not know them
        if lost := ids - erasures.ids:
            raise UnavailableError("lake", f"has lost the record of {', '.join(sorted(lost))}; run it again")
        await delete_forgotten(self._store, self._plans[0].project, erasures)
        made_anew = 0
        for one in erasures.pending().each():
            made = await make_bystanders_anew(self._store, self._lake, self._plans, one)
            made_anew += sum(map(len, made.values()))
            await self._complete(one.records[0], made)
        swept = await self._sweep(erasures.ids, began_us)
        erasures = (await asyncio.to_thread(self._lake.erasures)).only(erasures.ids)
        await self._store.rewrite_files()
        seen = await search_forgotten(self._store, self._plans[0].project, erasures)
        left = await asyncio.to_thread(self._lake.sweep_erased, erasures, self._sources(), rewrite=False)
        return Forgotten(
            erasures=tuple(erasure for erasure in erasures.records if erasure.id in ids),
            rows_erased=swept.rows,
            files_rewritten=swept.found_in,
            states_made_anew=made_anew,
            files_searched=left.searched,
            rows_found=left.rows,
            rows_unsearchable=left.unsearchable,
            keys_searched=seen.keys,
            fields_searched=seen.fields,
            fields_found=seen.found,
        )

    async def _complete(self, erasure: Erasure, bystanders: Mapping[str, set[str]]) -> None:
        """Note whose states were made anew, and where the scores end: until now they rested on what is forgotten."""
        noted = SCORES_TOPIC in erasure.ends  # by an earlier run; scores since then are a new entity's
        scores = {} if noted else await asyncio.to_thread(self._ends, [SCORES_TOPIC])
        known = {view: set(hashes) for view, hashes in erasure.bystanders.items()}
        for view, hashes in bystanders.items():
            known.setdefault(view, set()).update(hashes)
        complete = msgspec.structs.replace(
            erasure,
            ends={**erasure.ends, **scores},
            bystanders={view: tuple(sorted(hashes)) for view, hashes in known.items()},
        )
        await asyncio.to_thread(self._lake.record_erasures, [complete])
        await self._store.raise_erasure(complete)

    async def _sweep(self, ids: frozenset[str], began_us: int) -> Swept:
        """Rewrite files until a look that was begun late enough finds nothing to rewrite; these are carried out then.

        One that somebody has recorded since then is not: nobody has made the states of others anew for it yet.
        """
        total = Swept()
        for _ in range(ROUNDS):
            settled = self._clock.now_us() - began_us >= self._settle_s * 1e6
            own = (await asyncio.to_thread(self._lake.erasures)).only(ids)
            swept = await asyncio.to_thread(self._lake.sweep_erased, own, self._sources(), rewrite=True)
            total += swept
            if not swept.rows:
                if settled:
                    done = [msgspec.structs.replace(erasure, carried_out=True) for erasure in own.records]
                    await asyncio.to_thread(self._lake.record_erasures, done)
                    return total
                await asyncio.sleep(self._settle_s / 4)
        raise UnavailableError("lake", f"does not come to rest: rows to erase appeared at each of {ROUNDS} looks")

    def _sources(self) -> list[SourcePlan]:
        """Each declaration of a topic once."""
        return list({source.records_hash: source for plan in self._plans for source in plan.sources}.values())

    def _ends(self, topics: Iterable[str]) -> dict[str, dict[str, dict[int, int]]]:
        """Where topics end, at the broker or, for logs that it no longer has, in the lake."""
        wanted = list(topics)
        ends = {topic: self._lake.tips(topic) for topic in wanted}
        for topic, logs in self._read_ends(wanted).items():
            for log, partitions in logs.items():
                known = ends[topic].setdefault(log, {})
                known.update({at: max(end, known.get(at, 0)) for at, end in partitions.items()})
        return ends


def _refuse_unknown(plans: Sequence[Plan], entity: Mapping[str, KeyValue]) -> None:
    keys = {key.name for plan in plans for view in plan.views for key in view.keys}
    if not entity:
        raise RequestError("--entity", "names nobody", f"name a join key and its value: {min(keys)}=…")
    for name in entity:
        if name not in keys:
            raise RequestError(name, "is no join key of this domain", f"it has {', '.join(sorted(keys))}")
