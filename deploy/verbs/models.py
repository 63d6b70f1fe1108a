"""Models: train, models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from features.nouns import Knowledge

MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]
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
ACTION = Annotated[str, typer.Argument(help="list: versions in the registry. sync: follow the registry (a process).")]


def train(
    call: Invocation,
    model: MODEL = None,
    as_known: AS_KNOWN = False,
    plan: PLAN = None,
    engine: ENGINE = "local",
) -> Outcome:
    """Train a model on the lake, prove it, publish it; champion once its gates pass, else exit 1."""
    import msgspec

    from deploy.served import wait_until_served
    from deploy.stack_file import is_supervised
    from features.nouns import engine_of
    from features.plan_shelf import shelved_plan
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
        say=call.note,
    )
    if report.promoted and is_supervised(call.state_dir) and made_for.hash == call.serving_plan.hash:
        wait_until_served(call.settings.scorer, report.model, report.version)
    code = ExitCode.OK if report.promoted else ExitCode.FAILED
    return Outcome(msgspec.to_builtins(report), "\n".join(report.lines()), code)


def models(call: Invocation, action: ACTION = "list") -> Outcome:
    """List the models of the domain, or keep the champion of each ready for the scorer."""
    import msgspec

    from features.errors import RequestError

    if action == "sync":
        from deploy.verbs.processes import serve
        from grpc_api.model_sync import run_model_sync

        return serve(call, run_model_sync)
    if action != "list":
        raise RequestError("models", f"{action!r} is no action", "say list or sync")
    from offline_training.registry import Registry

    found = Registry(call.settings.registry.uri).list_models(call.project)
    lines = [
        f"{version.model} {version.version:>3}  {','.join(version.aliases) or '-':<10} "
        f"ROC AUC {version.roc_auc if version.roc_auc is not None else float('nan'):.4f}  {version.digest[:12]}"
        for version in found
    ]
    return Outcome({"models": [msgspec.to_builtins(version) for version in found]}, "\n".join(lines) or "no models yet")
