"""A changed domain on a running system: rollout."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.invocation import Invocation, Outcome

BACK = Annotated[bool, typer.Option("--back", help="Roll out the plan that served before the present one.")]


def rollout(call: Invocation, back: BACK = False) -> Outcome:
    """Put the applied plan in force while everything runs, without a pause; once more, to finish what it left."""
    import asyncio

    from deploy.roll_out import RollOut
    from deploy.running_stack import RunningStack
    from features.errors import RequestError
    from features.plan_shelf import plans_in_force, shelved_plan

    target = call.plan
    if back:
        previous = plans_in_force(call.state_dir).previous
        if previous is None:
            raise RequestError("rollout --back", "no plan served before this one", "roll out the applied one")
        target = shelved_plan(call.state_dir, previous)
    stack = RunningStack(call.settings, call.state_dir)
    rolling = RollOut(call.reaching("store", "kafka"), call.state_dir, stack=stack, say=call.note)
    done = asyncio.run(rolling.run(target, make_births=back))
    return Outcome(done.data(), done.text())
