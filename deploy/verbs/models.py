"""Models and who serves them: train, models, promote, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.nouns import Knowledge
    from offline_training.arms import Arms
    from offline_training.registry import Registry, Standing

MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]
NAMED = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="The model; none: the domain's only one.")]
AS_KNOWN = Annotated[
    bool,
    typer.Option("--as-known/--as-true", help="Features of the events that had arrived by then, or of all before."),
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
        help="list: versions, arms and routing. route: share out requests. retire: leave an arm without a version. "
        "compare: the arms, by what came of their scores. sync: follow the registry (a process)."
    ),
]
VERSION = Annotated[str | None, typer.Argument(metavar="[VERSION]", help="The version; none: the challenger.")]
APPROVE = Annotated[bool, typer.Option("--approve", help="Also one that its gates rejected; you are its approver.")]
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
    "sync": frozenset[str](),
    "route": frozenset({"model", "challenger", "shadow", "by", "reshuffle"}),
    "retire": frozenset({"model", "arm"}),
    "compare": frozenset({"model", "since", "within"}),
}
"""What each action takes."""


def train(
    call: Invocation,
    model: MODEL = None,
    as_known: AS_KNOWN = False,
    plan: PLAN = None,
    engine: ENGINE = "local",
    arm: ARM = "champion",
    quick: QUICK = False,
) -> Outcome:
    """Train a model on the lake, prove it, publish it; once its gates pass it serves, else exit 1; missed target: 5."""
    import msgspec

    from deploy.served import wait_until_served
    from deploy.stack_file import is_supervised
    from features.nouns import engine_of
    from features.plan_shelf import shelved_plan
    from features.progress import progress_bar
    from features.routing import arm_of
    from offline_training.training import train as run_training

    knowledge: Knowledge = "as_known" if as_known else "as_true"
    made_for = call.serving_plan if plan is None else shelved_plan(call.state_dir, plan)
    report = run_training(
        call.settings,
        made_for,
        call.domain,
        model=model,
        knowledge=knowledge,
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
    *,
    challenger: CHALLENGER_SHARE = None,
    shadow: SHADOW_SHARE = None,
    by: BY = None,
    reshuffle: RESHUFFLE = False,
    arm: RETIRED = None,
    since: SINCE = None,
    within: WITHIN = None,
) -> Outcome:
    """List the models of the domain and who serves them, share out requests among their arms, or compare these."""
    from features.errors import RequestError

    given = {
        "model": model,
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
        where = "MODEL" if name == "model" else f"--{name}"
        raise RequestError(where, f"models {action} takes no such thing", "leave it out")
    if action == "sync":
        from deploy.verbs.processes import serve
        from grpc_api.model_sync import run_model_sync

        return serve(call, run_model_sync)
    return {"list": listed, "route": routed, "retire": retired, "compare": compared}[action](call, options)


def promote(
    call: Invocation, model: NAMED = None, version: VERSION = None, arm: ARM = "champion", approve: APPROVE = False
) -> Outcome:
    """Let a version serve as an arm of a model; without one, the challenger becomes champion."""
    from features.routing import arm_of

    name, _ = call.domain.model(model)
    return stood(call, arms_of(call).promote(name, version, arm_of(arm), approve=approve), arm)


def rollback(call: Invocation, model: NAMED = None) -> Outcome:
    """Let the champion before this one serve again; again: the one before that."""
    name, _ = call.domain.model(model)
    return stood(call, arms_of(call).roll_back(name), "champion")


def listed(call: Invocation, options: Mapping[str, Any]) -> Outcome:  # noqa: ARG001 - as all actions
    """Versions, arms and routing of every model of the domain."""
    import msgspec

    registry = registry_of(call)
    found, standings = registry.list_models(call.project), registry.standings(call.project)
    lines = [
        f"{version.model} {version.version:>3}  {','.join(version.aliases) or '-':<10} "
        f"ROC AUC {version.roc_auc if version.roc_auc is not None else float('nan'):.4f}  {version.digest[:12]}"
        for version in found
    ]
    lines += [line for standing in standings if len(standing.arms) > 1 for line in standing.lines()]
    data = {
        "models": [msgspec.to_builtins(version) for version in found],
        "serving": {standing.model: msgspec.to_builtins(standing) for standing in standings},
    }
    return Outcome(data, "\n".join(lines) or "no models yet")


def routed(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Change how a model's requests are shared out; every scorer follows within two seconds."""
    from deploy.shares import parse_share
    from features.errors import RequestError

    name, spec = call.domain.model(options.get("model"))
    shares = {arm: parse_share(f"--{arm}", options[arm]) for arm in ("challenger", "shadow") if arm in options}
    by = None
    if "by" in options:
        by = [] if options["by"] == "all" else sorted(filter(None, map(str.strip, options["by"].split(","))))
        known = {key.name for view in call.serving_plan.views_of_service(spec.service) for key in view.keys}
        if not known.issuperset(by):
            raise RequestError("--by", f"{', '.join(by)} are not all join keys", f"they are {', '.join(sorted(known))}")
    standing = arms_of(call).route(name, **shares, by=by, reshuffle=options.get("reshuffle", False))
    return stood(call, standing)


def retired(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Leave challenger or shadow without a version."""
    from features.errors import RequestError
    from features.routing import arm_of

    if "arm" not in options:
        raise RequestError("--arm", "is missing", "say challenger or shadow")
    name, _ = call.domain.model(options.get("model"))
    return stood(call, arms_of(call).retire(name, arm_of(options["arm"])))


def compared(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Hold the arms of a model against the outcomes of its scores."""
    import msgspec

    from deploy.instants import parse_instant, to_us
    from features.durations import parse_duration_us
    from features.errors import RequestError
    from features.lake import open_site_lake
    from features.plan_shelf import functions_of
    from offline_training.comparison import Scope, compare

    name, spec = call.domain.model(options.get("model"))
    try:
        within_us = parse_duration_us(options["within"]) if "within" in options else spec.horizon_us
    except ValueError as error:
        raise RequestError("--within", str(error), "write a whole number and a unit, as 30d") from error
    scope = Scope(
        within_us=within_us,
        since_us=to_us(parse_instant("--since", options["since"])) if "since" in options else 0,
        by=registry_of(call).standing(name).routing.by,
    )
    plan = call.serving_plan
    lake = open_site_lake(call.settings, call.project)
    report = compare(lake, plan, call.domain, name, functions_of(plan, call.state_dir), scope)
    return Outcome(msgspec.to_builtins(report), "\n".join(report.lines()))


def stood(call: Invocation, standing: Standing, arm: str | None = None) -> Outcome:
    """Who serves after a change; once a running scorer serves it, where the version of an arm has changed."""
    import msgspec

    from deploy.served import wait_until_served
    from deploy.stack_file import is_supervised
    from features.routing import arm_of

    if arm is not None and is_supervised(call.state_dir):
        changed = arm_of(arm)
        wait_until_served(call.settings.scorer, standing.model, standing.arms[changed], changed)
    return Outcome(msgspec.to_builtins(standing), "\n".join(standing.lines()))


def registry_of(call: Invocation) -> Registry:
    """The registry of the domain."""
    from offline_training.registry import Registry

    return Registry(call.settings.registry.uri)


def arms_of(call: Invocation) -> Arms:
    """Who serves the domain's models, to be changed by who calls."""
    from datetime import UTC, datetime

    from deploy.caller import caller_name
    from offline_training.arms import Arms
    from offline_training.audit import AUDIT_FILE, AuditLog

    audit = AuditLog(call.state_dir / AUDIT_FILE)
    return Arms(registry_of(call), audit, project=call.project, by=caller_name(), at=datetime.now(UTC))
