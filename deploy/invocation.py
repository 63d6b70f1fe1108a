"""One call of a verb: its common options, what it answers, and how answer or error reach the caller.

The answer goes to stdout: as text, or with ``--json`` as one JSON object on one line. All else (progress, notes,
logs, errors) goes to stderr.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TextIO

import typer

from deploy.exit_codes import ExitCode, exit_code_of

if TYPE_CHECKING:
    from deploy.own_stack import NeighbourPart
    from features.domain import Domain
    from features.plan import Plan
    from features.settings import Settings

REPO = Annotated[
    Path | None,
    typer.Option("--repo", help="Domain folder; default MILLSTREAM_REPO, else feature_repo.", metavar="DIR"),
]
AS_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]


class Outcome(NamedTuple):
    """What a verb answers: data for ``--json``, text for people, and the exit code."""

    data: Mapping[str, Any]
    text: str
    code: ExitCode = ExitCode.OK


class Invocation:
    """What every verb is given: where its domain is, and where to talk to people meanwhile."""

    def __init__(self, *, repo: Path | None, as_json: bool, stdout: TextIO, stderr: TextIO) -> None:
        self.as_json = as_json
        self._repo = repo
        self._stdout = stdout
        self._stderr = stderr

    @cached_property
    def base_settings(self) -> Settings:
        """Settings before any running stack has its say."""
        from features.settings import load_settings

        return load_settings(repo=self._repo)

    @cached_property
    def repo(self) -> Path:
        """The domain folder."""
        return self.base_settings.repo

    @cached_property
    def project(self) -> str:
        """Name of the domain's project."""
        from features.domain import project_name

        return project_name(self.repo)

    @cached_property
    def settings(self) -> Settings:
        """Settings, with the addresses of the domain's running stack."""
        from features.settings import load_settings

        return load_settings(project=self.project, repo=self._repo)

    def reaching(self, *parts: NeighbourPart) -> Settings:
        """Settings for a verb that speaks to these; NotServingError where they may be another domain's.

        While the domain's own stack is down its addresses are gone, and who listens at the defaults is a stranger.
        """
        from deploy.own_stack import require_own

        require_own(self.settings, self.state_dir, self.project, parts)
        return self.settings

    @property
    def state_dir(self) -> Path:
        """Folder of the domain's state."""
        return self.base_settings.state_dir(self.project)

    @cached_property
    def domain(self) -> Domain:
        """The domain folder, read."""
        from features.domain import load_domain

        return load_domain(self.repo)

    @cached_property
    def plan(self) -> Plan:
        """The plan that `apply` compiled."""
        from features.plan_shelf import applied_plan

        return applied_plan(self.state_dir)

    @cached_property
    def serving_plan(self) -> Plan:
        """The plan that serves; the applied one where none runs yet."""
        from features.plan_shelf import serving_plan

        return serving_plan(self.state_dir)

    def note(self, text: str) -> None:
        """Tell people what goes on."""
        print(text, file=self._stderr, flush=True)

    def answer(self, outcome: Outcome) -> None:
        """Hand over what the verb found."""
        if self.as_json:
            self._print_json(outcome.data)
        elif outcome.text:
            print(outcome.text, file=self._stdout, flush=True)

    def refuse(self, error: BaseException) -> ExitCode:
        """Say in one line why the verb ended, and with which code."""
        code = exit_code_of(error)
        text = {ExitCode.INTERRUPTED: "interrupted"}.get(code) or " ".join(str(error).split()) or type(error).__name__
        if code is ExitCode.INTERNAL:
            if os.environ.get("MILLSTREAM_LOG__LEVEL") == "debug":
                traceback.print_exception(error, file=self._stderr)
            text = f"internal error, {type(error).__name__}: {text} (MILLSTREAM_LOG__LEVEL=debug shows where)"
        self.note(f"millstream: {text}")
        if self.as_json:
            self._print_json({"error": {"kind": type(error).__name__, "message": text, "exit_code": int(code)}})
        return code

    def _print_json(self, data: Mapping[str, Any]) -> None:
        import msgspec

        print(msgspec.json.encode(data, order="deterministic").decode(), file=self._stdout, flush=True)


class GlobalOptions(NamedTuple):
    """Options given before the verb."""

    repo: Path | None = None
    as_json: bool = False


def register(app: typer.Typer, name: str, function: Callable[..., Outcome], **options: Any) -> None:
    """Add a verb: ``function(call, …)``, whose parameters after the first are its own options."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

    @functools.wraps(function)
    def run(context: typer.Context, *, repo: Path | None, as_json: bool, **arguments: Any) -> None:
        before = context.obj or GlobalOptions()
        call = Invocation(
            repo=repo or before.repo, as_json=as_json or before.as_json, stdout=sys.stdout, stderr=sys.stderr
        )
        if "context" in arguments_of(function):
            arguments["context"] = context
        try:
            prepare_logs()
            outcome = function(call, **arguments)
        except (typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(call.refuse(error)) from None
        call.answer(outcome)
        raise typer.Exit(outcome.code)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own if parameter.name != "context"),
        inspect.Parameter("repo", keyword, annotation=REPO, default=None),
        inspect.Parameter("as_json", keyword, annotation=AS_JSON, default=False),
    ]
    del run.__wrapped__  # typer must read this signature, not the function's
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # a documented attribute
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command(name, **options)(run)


def prepare_logs() -> None:
    """Nothing but the answer may reach stdout, whatever a library wishes to log."""
    from deploy.logs import configure_short_logs

    configure_short_logs()


def arguments_of(function: Callable[..., Any]) -> frozenset[str]:
    """Names of a function's parameters."""
    return frozenset(inspect.signature(function).parameters)
