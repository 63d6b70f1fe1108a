"""The challenger that learns online: challenge."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]


def challenge(call: Invocation, model: MODEL = None) -> Outcome:
    """Let the challenger of a model learn from the outcomes that have become known, and publish what came of it."""
    import msgspec

    from deploy.served import wait_until_served
    from deploy.stack_file import is_supervised
    from features.clock import SystemClock
    from monitoring.challenger_result import ChallengerResult, save_challenger_result
    from offline_training.online.challenge import challenge as run_challenge

    report = run_challenge(call.settings, call.serving_plan, call.domain, model=model, say=call.note)
    result = ChallengerResult(
        model=report.model,
        ended_at_us=SystemClock().now_us(),
        outcomes=report.outcomes,
        scored=report.scored,
        prequential=report.prequential or {},
    )
    save_challenger_result(result, call.state_dir / "reports")
    trained = report.training
    if trained is not None and trained.promoted and is_supervised(call.state_dir):
        wait_until_served(call.settings.scorer, trained.model, trained.version, trained.arm)
    return Outcome(msgspec.to_builtins(report), "\n".join(report.lines()), ExitCode(report.exit_code))
