"""A plan takes the place of another while everything runs: fed, served, and the old one's leavings swept.

Each step finds what is already done, so a roll-out that was broken off is begun again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from deploy.births import READERS_S, ensure_births_arriving
from deploy.feeding import wait_until_fed
from deploy.only_one import only_one
from deploy.prepare import create_missing_topics
from deploy.running_stack import RunningStack
from deploy.served_models import Served, needed_plans
from features.bootstrap import birth_of
from features.lake import open_site_lake
from features.plan import Plan
from features.plan_shelf import applied_plan, plans_in_force, put_in_force, shelved_plan
from features.redis_store import RedisStore
from features.settings import Settings
from features.store import Store
from features.succession import serve_births, withdraw_births
from features.sweep import sweep

DEADLINE_S = 120.0
"""How long the new plan's workers may stand still."""


class RolledOut(NamedTuple):
    """What a roll-out has come to."""

    plan: Plan
    previous: str | None
    served: Sequence[str]
    kept: Mapping[str, Sequence[Served]]
    withdrawn: Sequence[str]
    swept_fields: int

    def data(self) -> dict[str, Any]:
        """For ``--json``."""
        kept = {plan_hash: [f"{one.model} {one.version}" for one in served] for plan_hash, served in self.kept.items()}
        return {**self._asdict(), "plan": self.plan.hash, "kept": kept}

    def text(self) -> str:
        """For people."""
        lines = [f"plan {self.plan.hash} of {self.plan.project} serves"]
        lines += [f"  view {view} serves anew" for view in self.served]
        for plan_hash, served in self.kept.items():
            needed = ", ".join(f"{one.model} version {one.version}" for one in served)
            lines.append(f"  plan {plan_hash} is kept: {needed} needs it. Train, then roll out again")
        lines += [f"  birth {birth} is withdrawn" for birth in self.withdrawn]
        lines.append(f"  {self.swept_fields:,} fields swept")
        return "\n".join(lines)


class RollOut:
    """One roll-out, step by step.

    Parameters
    ----------
    settings, state_dir
        Of the domain; scorers and model sync share the state folder.
    stack
        The embedded stack: whether it runs, and what its processes do.
    say
        Tells people what goes on.

    """

    def __init__(
        self,
        settings: Settings,
        state_dir: Path,
        *,
        stack: RunningStack,
        say: Callable[[str], None],
        grace_s: float = READERS_S,
    ) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._stack = stack
        self._say = say
        self._grace_s = grace_s

    async def run(self, target: Plan, *, make_births: bool) -> RolledOut:
        """Put a plan in the place of the one that serves, or finish what an earlier roll-out has left.

        BirthMissingError, with nothing changed, where a view has no birth and none are to be made.
        """
        with only_one(self._state_dir):
            store = RedisStore(target.project, self._settings.store)
            await store.connect()
            try:
                served: list[str] = []
                in_force = plans_in_force(self._state_dir)
                if target.hash != in_force.serving:
                    await self._bring(store, target, make_births=make_births)
                    served = await self._switch(store, target)
                elif in_force.arriving is not None:  # given up, perhaps half way through its switch
                    await serve_births(store, open_site_lake(self._settings, target.project), target)
                return await self._clean_up(store, target, served)
            finally:
                await store.close()

    async def _bring(self, store: Store, target: Plan, *, make_births: bool) -> None:
        """Feed the new plan beside the others until it is close behind."""
        if make_births:
            await ensure_births_arriving(store, self._settings, target)
        certificate = await store.read_certificate()
        for view in target.views:
            birth_of(certificate, view)
        await create_missing_topics(store, self._settings, target)
        in_force = plans_in_force(self._state_dir)
        put_in_force(self._state_dir, msgspec.structs.replace(in_force, arriving=target.hash))
        if self._stack.runs:
            self._say(f"starting workers of plan {target.hash}")
            await asyncio.to_thread(self._stack.wait_for_workers, target.hash)
        else:
            self._say(f"waiting for workers: `millstream worker --plan {target.hash}`")
        await wait_until_fed(store, self._settings, target, deadline_s=DEADLINE_S, say=self._say)

    async def _switch(self, store: Store, target: Plan) -> list[str]:
        """Let the new plan's births serve, and tell everybody that it is the one in force."""
        served = await serve_births(store, open_site_lake(self._settings, target.project), target)
        before = plans_in_force(self._state_dir)
        kept = tuple(plan_hash for plan_hash in before.plans if plan_hash != target.hash)
        put_in_force(
            self._state_dir,
            msgspec.structs.replace(before, serving=target.hash, arriving=None, kept=kept, previous=before.serving),
        )
        return [birth.view for birth in served]

    async def _clean_up(self, store: Store, target: Plan, served: Sequence[str]) -> RolledOut:
        """End the workers of plans that no champion needs, and sweep what only these have written."""
        if self._stack.has_scorer:
            await asyncio.to_thread(self._stack.wait_for_scorer, target.hash)
        else:
            await asyncio.sleep(self._grace_s)
        in_force = plans_in_force(self._state_dir)
        needed = needed_plans(self._state_dir, target.hash, in_force.kept)
        in_force = msgspec.structs.replace(in_force, arriving=None, kept=tuple(needed))
        put_in_force(self._state_dir, in_force)
        if self._stack.runs:
            await asyncio.to_thread(self._stack.wait_for_end_of_other_workers, in_force)
        plans = [shelved_plan(self._state_dir, plan_hash) for plan_hash in in_force.plans]
        withdrawn = await withdraw_births(store, plans, awaited=[applied_plan(self._state_dir)])
        if withdrawn:
            await asyncio.sleep(self._grace_s)  # readers refuse them by then, instead of finding nothing
        swept = await sweep(store)
        return RolledOut(
            plan=target,
            previous=in_force.previous,
            served=served,
            kept=needed,
            withdrawn=[f"{birth.view} {birth.id}" for birth in withdrawn],
            swept_fields=sum(one.n_fields for one in swept),
        )
