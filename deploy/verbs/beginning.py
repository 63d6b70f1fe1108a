"""The beginning of a domain: init, new."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from deploy.scaffold import Answers, Made
    from features.model_file import Approval

FOLDER = Annotated[Path, typer.Argument(help="Folder to make.")]
REQUIREMENTS = Annotated[
    str | None, typer.Option("--requirements", envvar="REQUIREMENTS", help="What it is for, in a sentence.")
]
MODEL_TYPE = Annotated[
    str | None,
    typer.Option(
        "--model-type", envvar="MODEL_TYPE", help="classification, regression, clustering, nlp or computer_vision."
    ),
]
SOURCE = Annotated[
    str | None,
    typer.Option(
        "--dataset-source",
        envvar="DATASET_SOURCE",
        help="A Parquet or CSV file of events or observations, a URL of these, or example.",
    ),
]
DEPLOYMENT = Annotated[
    str | None, typer.Option("--deployment-type", envvar="DEPLOYMENT_TYPE", help="realtime or batch.")
]
ENTITY = Annotated[str | None, typer.Option("--entity", help="Of a file: the column whom or what an event is about.")]
TIMESTAMP = Annotated[str | None, typer.Option("--timestamp", help="Of a file: the column when it happened.")]
TARGET = Annotated[
    str | None,
    typer.Option("--target", help="Of a file: the column to predict; none: whether, or how often, they come again."),
]
HORIZON = Annotated[
    str | None, typer.Option("--horizon", help="Of a file: how far ahead, such as 30d; none: by its length.")
]


def init(call: Invocation, folder: FOLDER) -> Outcome:  # noqa: ARG001 - every verb takes the call
    """Make a new domain that runs unchanged through every command: what new makes, with nothing asked, as a demo."""
    from deploy.scaffold import Answers

    return _make(folder, Answers(), "policy")


def new(
    call: Invocation,
    folder: FOLDER,
    requirements: REQUIREMENTS = None,
    model_type: MODEL_TYPE = None,
    dataset_source: SOURCE = None,
    deployment_type: DEPLOYMENT = None,
    *,
    entity: ENTITY = None,
    timestamp: TIMESTAMP = None,
    target: TARGET = None,
    horizon: HORIZON = None,
) -> Outcome:
    """Make a new domain with charter, exploration plan and design; asks on a terminal for what is not given."""
    from deploy.scaffold import complete

    given = {
        "requirements": requirements,
        "model_type": model_type,
        "dataset_source": dataset_source,
        "deployment_type": deployment_type,
        "entity": entity,
        "timestamp": timestamp,
        "target": target,
        "horizon": horizon,
    }
    somebody = sys.stdin.isatty() and sys.stderr.isatty() and not call.as_json
    return _make(folder, complete(given, _ask if somebody else None, call.note), "human")


def _ask(question: str, default: str) -> str:
    answer: str = typer.prompt(question, default=default, err=True, show_default=bool(default))
    return answer


def _make(folder: Path, answers: Answers, approval: Approval) -> Outcome:
    from deploy.scaffold import scaffold

    made = scaffold(folder, answers, approval)
    files = [str(path) for path in made.files]
    steps = [f"make demo REPO={folder}"] if approval == "policy" else list(_steps(folder, made))
    lines = [f"made {folder}:", *(f"  {file}" for file in files), *(f"note: {note}" for note in made.notes)]
    lines += [f"next: {steps[0]}"] if len(steps) == 1 else ["next:", *(f"  {step}" for step in steps)]
    data = {"folder": str(folder), "files": files, "model": made.model.name, "notes": list(made.notes), "next": steps}
    return Outcome(data, "\n".join(lines))


def _steps(folder: Path, made: Made) -> Iterator[str]:
    """The way to the first score of a domain in which people approve."""
    from deploy.scaffold import CHARTER

    millstream, model = f"millstream --repo {folder}", made.model.name
    yield f"read {folder / CHARTER}: its open points are yours to settle"
    yield "for who trains, and for who approves: millstream signer NAME --key FILE"
    yield f"enter what it prints under people in {folder}/model.yaml, and who approves under approvers of {model}"
    yield f"{millstream} up" + (f"; {millstream} replay --wait" if made.model.horizon else "")
    yield f"MILLSTREAM_APPROVAL__KEY=FILE {millstream} train --quick, with the key of who trains"
    yield f"MILLSTREAM_APPROVAL__KEY=FILE {millstream} models approve {model} 1, with the key of an approver"
    yield f"{millstream} promote {model} 1"
