"""The processes of a site: worker, scorer, monitor. Each runs until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from features.plan import Plan
    from features.settings import Settings

ONCE = Annotated[bool, typer.Option("--once", help="Report on what has been recorded and return; exit 1 on drift.")]


PLAN = Annotated[str | None, typer.Option("--plan", help="Hash of the plan to run; none: the one that serves.")]


def serve(call: Invocation, run: Callable[[Settings, Plan], None], plan_hash: str | None = None) -> Outcome:
    """Run a process until it is stopped; what nobody meant is logged with its traceback, since nobody watches."""
    import structlog

    from deploy.logs import configure_logs
    from features.errors import MillstreamError
    from features.plan_shelf import plans_in_force, shelved_plan

    configure_logs(call.settings.log)
    try:
        run(call.settings, shelved_plan(call.state_dir, plan_hash or plans_in_force(call.state_dir).serving))
    except MillstreamError:
        raise
    except Exception:
        structlog.get_logger(__name__).exception("process_failed")
        raise
    return Outcome({"stopped": True}, "")


def worker(call: Invocation, plan: PLAN = None) -> Outcome:
    """Run a stream worker: events in, features out."""
    from streams.run import run_worker

    return serve(call, run_worker, plan)


def scorer(call: Invocation) -> Outcome:
    """Run a gRPC scorer."""
    from grpc_api.server import run_scorer

    return serve(call, run_scorer)


def monitor(call: Invocation, once: ONCE = False) -> Outcome:
    """Watch the scores for drift."""
    import msgspec

    from deploy.logs import configure_logs
    from monitoring.watch import run_monitor

    configure_logs(call.settings.log)
    report = run_monitor(call.settings, call.serving_plan, once=once)
    lines = [f"{report.records:,} records, {report.watched} features and scores watched, {report.windows} windows"]
    lines += [f"  {alarm.feature} ({alarm.kind}): effect size {alarm.effect_size:.3f}" for alarm in report.strongest()]
    lines += [f"  {page}" for page in report.pages]
    code = ExitCode.FAILED if once and report.alarms else ExitCode.OK
    return Outcome(msgspec.to_builtins(report), "\n".join(lines), code)
