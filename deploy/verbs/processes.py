"""The processes of a site: worker, scorer, monitor. Each runs until SIGTERM."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

ONCE = Annotated[bool, typer.Option("--once", help="Report on what has been recorded and return; exit 1 on drift.")]


def worker(call: Invocation) -> Outcome:
    """Run a stream worker: events in, features out."""
    from deploy.logs import configure_logs
    from streams.run import run_worker

    configure_logs(call.settings.log)
    run_worker(call.settings, call.plan)
    return Outcome({"stopped": True}, "")


def scorer(call: Invocation) -> Outcome:
    """Run a gRPC scorer."""
    from deploy.logs import configure_logs
    from grpc_api.server import run_scorer

    configure_logs(call.settings.log)
    run_scorer(call.settings, call.plan)
    return Outcome({"stopped": True}, "")


def monitor(call: Invocation, once: ONCE = False) -> Outcome:
    """Watch the scores for drift."""
    import msgspec

    from deploy.logs import configure_logs
    from monitoring.watch import run_monitor

    configure_logs(call.settings.log)
    report = run_monitor(call.settings, call.plan, once=once)
    lines = [f"{report.records:,} records, {report.watched} features and scores watched, {report.windows} windows"]
    lines += [f"  {alarm.feature} ({alarm.kind}): effect size {alarm.effect_size:.3f}" for alarm in report.strongest()]
    lines += [f"  {page}" for page in report.pages]
    code = ExitCode.FAILED if once and report.alarms else ExitCode.OK
    return Outcome(msgspec.to_builtins(report), "\n".join(lines), code)
