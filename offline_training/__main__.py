"""The `train` command; `millstream train` is the same function."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from features.errors import BadInputError, CorruptError, MillstreamError, UnavailableError
from features.settings import load_settings

_EXIT_CODES = ((BadInputError, 2), (UnavailableError, 3), (CorruptError, 4))


def train_command(
    repo: Annotated[Path | None, typer.Option(help="The domain folder.")] = None,
    var: Annotated[Path | None, typer.Option(help="Folder of disposable state.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model of the domain; none names its only one.")] = None,
    source: Annotated[
        str, typer.Option("--from", help="lake: its events. scores: the vectors that were served.")
    ] = "lake",
    as_known: Annotated[
        bool,
        typer.Option("--as-known/--as-true", help="Features of the events that had arrived by then, or of all before."),
    ] = False,
    engine: Annotated[str, typer.Option(help="local: features are computed here. dask: on a Dask cluster.")] = "local",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Leave out search, exploration, most pictures, explanations, robustness."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Train a model, prove it, register it; make it champion if the domain's policy approves it.

    Exit code 0: champion, or waits for review. 1: registered, but a check did not pass. 5: registered, but a target of
    the model file is missed. Not trained: 2 bad input, 3 a neighbour does not answer, 4 an artefact is corrupt.
    """
    # Heavy imports here, so that --help is quick.
    from features.domain import load_domain, project_name
    from features.nouns import engine_of, provenance_of
    from features.plan_shelf import serving_plan
    from features.progress import progress_bar
    from offline_training.training import train

    try:
        folder = repo or load_settings().repo
        settings = load_settings(project=project_name(folder), repo=repo, var=var)
        domain = load_domain(settings.repo)
        plan = serving_plan(settings.state_dir(domain.project))
        report = train(
            settings,
            plan,
            domain,
            model=model,
            knowledge=provenance_of(source, as_known=as_known),
            engine=engine_of(engine),
            quick=quick,
            say=lambda step: typer.echo(step, err=True),
            progress=progress_bar,
        )
    except MillstreamError as error:
        typer.echo(f"train: {error}", err=True)
        raise typer.Exit(next(code for family, code in _EXIT_CODES if isinstance(error, family))) from error
    for line in report.lines():
        typer.echo(line)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    raise typer.Exit(report.exit_code)


def main() -> None:
    """Entry point of the console script ``train``."""
    typer.run(train_command)


if __name__ == "__main__":
    main()
