"""The stack: up, down, status, doctor, demo."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

WORKERS = Annotated[int, typer.Option("--workers", min=1, help="Stream workers to run.")]
PARTIAL = Annotated[bool, typer.Option("--keep-up", help="Leave the stack running afterwards.")]


def up(call: Invocation, workers: WORKERS = 1) -> Outcome:
    """Start the embedded stack, apply the domain, and wait until all is healthy."""
    from deploy.demo.state import forget_demo_mark
    from deploy.stack import start_stack

    project, settings = call.project, call.base_settings
    forget_demo_mark(settings.state_dir(project))
    call.note(f"starting the stack of {project} (logs in {settings.state_dir(project) / 'logs'})")
    stack = start_stack(settings, project, n_workers=workers, note=call.note)
    addresses = {name: info.address for name, info in stack.processes.items() if info.address}
    text = f"{project} is up: scorer {addresses['scorer']}" + (
        f", MLflow http://{addresses['mlflow']}" if "mlflow" in addresses else ""
    )
    return Outcome({"project": project, "state": "up", "pid": stack.pid, "addresses": addresses}, text)


def down(call: Invocation) -> Outcome:
    """Stop the embedded stack, in the order in which nothing is lost."""
    from deploy.stack import stop_stack

    stopped = stop_stack(call.base_settings, call.project)
    text = f"{call.project} is down" if stopped else f"{call.project} was not up"
    return Outcome({"project": call.project, "stopped": stopped}, text)


def status(call: Invocation) -> Outcome:
    """Show what runs, how it feels, and how far it has come."""
    from deploy.status import stack_status

    report = stack_status(call.settings, call.project)
    code = ExitCode.OK if report.healthy else ExitCode.FAILED
    return Outcome(report.data(), report.text(), ExitCode.UNAVAILABLE if not report.running else code)


def doctor(call: Invocation) -> Outcome:
    """Check this machine, the settings, the domain and the neighbours, and say what to do about what is wrong."""
    from deploy.doctor import examine

    findings = examine(call)
    ok = all(finding.ok for finding in findings)
    text = "\n".join(finding.line() for finding in findings)
    data = {"ok": ok, "checks": [finding._asdict() for finding in findings]}
    return Outcome(data, text, ExitCode.OK if ok else ExitCode.FAILED)


def demo(call: Invocation, keep_up: PARTIAL = False) -> Outcome:
    """Run the whole story: replay, train, publish, serve, score, verify, watch; writes var/demo/summary.json."""
    from deploy.demo.run import run_demo

    story = run_demo(call, keep_up=keep_up)
    return Outcome(story.summary, story.text, ExitCode.OK if story.holds else ExitCode.FAILED)
