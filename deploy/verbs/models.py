"""Models and who serves them: train, models, promote, rollback."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome
from deploy.verbs.model_actions import ACTIONS, stood

MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]
NAMED = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="The model; none: the domain's only one.")]
AS_KNOWN = Annotated[
    bool,
    typer.Option("--as-known/--as-true", help="Features of the events that had arrived by then, or of all before."),
]
FROM = Annotated[
    str,
    typer.Option(
        "--from", help="lake: what the lake's events tell. scores: the vectors that were served, as recorded."
    ),
]
PLAN = Annotated[
    str | None,
    typer.Option("--plan", help="Hash of the plan to train for, before its roll-out; none: the serving one."),
]
ENGINE = Annotated[
    str,
    typer.Option("--engine", help="local: features are computed here. dask: on a Dask cluster."),
]
QUICK = Annotated[
    bool,
    typer.Option("--quick", help="Leave out search, exploration, most pictures, explanations, robustness."),
]
ARM = Annotated[str, typer.Option("--arm", help="Serve as champion, challenger or shadow.")]
ACTION = Annotated[
    str,
    typer.Argument(
        help="list: versions, arms and routing. approve, reject: decide on a version that waits for review, as the "
        "owner of MILLSTREAM_APPROVAL__KEY. audit: hold the audit log against itself, its signatures and the "
        "registry. route: share out requests. retire: leave an arm without a version. compare: the arms, by what came "
        "of their scores. sync: follow the registry (a process)."
    ),
]
VERSION = Annotated[str | None, typer.Argument(metavar="[VERSION]", help="The version; none: the challenger.")]
REVIEWED = Annotated[str | None, typer.Argument(metavar="[VERSION]", help="approve, reject: the version.")]
REASON = Annotated[str | None, typer.Option("--reason", help="approve, reject: why, for the audit log.")]
CHALLENGER_SHARE = Annotated[
    str | None, typer.Option("--challenger", help="route: share of the routing keys that the challenger answers, 20%.")
]
SHADOW_SHARE = Annotated[
    str | None, typer.Option("--shadow", help="route: share of the routing keys that the shadow scores too.")
]
BY = Annotated[
    str | None, typer.Option("--by", help="route: join keys that make up the routing key, by commas; all: the entity.")
]
RESHUFFLE = Annotated[
    bool, typer.Option("--reshuffle", help="route: deal all routing keys anew, for a new experiment.")
]
RETIRED = Annotated[str | None, typer.Option("--arm", help="retire: challenger or shadow.")]
SINCE = Annotated[str | None, typer.Option("--since", help="compare: scores made at this instant or later, UTC.")]
WITHIN = Annotated[
    str | None, typer.Option("--within", help="compare: an observation begins so long after its score; the horizon.")
]
TAKES = {
    "list": frozenset[str](),
    "approve": frozenset({"model", "version", "reason"}),
    "reject": frozenset({"model", "version", "reason"}),
    "audit": frozenset[str](),
    "sync": frozenset[str](),
    "route": frozenset({"model", "challenger", "shadow", "by", "reshuffle"}),
    "retire": frozenset({"model", "arm"}),
    "compare": frozenset({"model", "since", "within"}),
}
"""What each action takes."""


def train(
    call: Invocation,
    model: MODEL = None,
    source: FROM = "lake",
    as_known: AS_KNOWN = False,
    plan: PLAN = None,
    engine: ENGINE = "local",
    arm: ARM = "champion",
    quick: QUICK = False,
) -> Outcome:
    """Train a model, prove it, publish it. Exit 1: a check did not pass; 5: a target is missed."""
    import msgspec

    from deploy.served import wait_until_served
    from deploy.stack_file import is_supervised
    from features.nouns import engine_of, provenance_of
    from features.plan_shelf import shelved_plan
    from features.progress import progress_bar
    from features.routing import arm_of
    from offline_training.training import train as run_training

    made_for = call.serving_plan if plan is None else shelved_plan(call.state_dir, plan)
    report = run_training(
        call.reaching("registry"),
        made_for,
        call.domain,
        model=model,
        knowledge=provenance_of(source, as_known=as_known),
        engine=engine_of(engine),
        arm=arm_of(arm),
        quick=quick,
        say=call.note,
        progress=progress_bar,
    )
    if report.promoted and is_supervised(call.state_dir) and made_for.hash == call.serving_plan.hash:
        wait_until_served(call.settings.scorer, report.model, report.version, report.arm)
    return Outcome(msgspec.to_builtins(report), "\n".join(report.lines()), ExitCode(report.exit_code))


def models(
    call: Invocation,
    action: ACTION = "list",
    model: NAMED = None,
    version: REVIEWED = None,
    *,
    reason: REASON = None,
    challenger: CHALLENGER_SHARE = None,
    shadow: SHADOW_SHARE = None,
    by: BY = None,
    reshuffle: RESHUFFLE = False,
    arm: RETIRED = None,
    since: SINCE = None,
    within: WITHIN = None,
) -> Outcome:
    """List the models of the domain and who serves them, approve versions, share out requests, compare the arms."""
    from features.errors import RequestError

    given = {
        "model": model,
        "version": version,
        "reason": reason,
        "challenger": challenger,
        "shadow": shadow,
        "by": by,
        "reshuffle": reshuffle or None,
        "arm": arm,
        "since": since,
        "within": within,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if action not in TAKES:
        raise RequestError("models", f"{action!r} is no action", f"say {', '.join(TAKES)}")
    for name in options.keys() - TAKES[action]:
        where = name.upper() if name in ("model", "version") else f"--{name}"
        raise RequestError(where, f"models {action} takes no such thing", "leave it out")
    if action == "sync":
        from deploy.verbs.processes import serve
        from grpc_api.model_sync import run_model_sync

        return serve(call, run_model_sync)
    return ACTIONS[action](call, options)


def promote(call: Invocation, model: NAMED = None, version: VERSION = None, arm: ARM = "champion") -> Outcome:
    """Let an approved version serve as an arm of a model; without one, the challenger becomes champion."""
    from deploy.model_desk import ModelDesk
    from features.routing import arm_of

    name, _ = call.domain.model(model)
    return stood(call, ModelDesk(call).arms().promote(name, version, arm_of(arm)), arm)


def rollback(call: Invocation, model: NAMED = None) -> Outcome:
    """Let the champion before this one serve again; again: the one before that."""
    from deploy.model_desk import ModelDesk

    name, _ = call.domain.model(model)
    return stood(call, ModelDesk(call).arms().roll_back(name), "champion")
