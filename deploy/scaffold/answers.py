"""What is said before a project begins, and what no project can begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_args

from deploy.design import Deployment
from features.durations import parse_duration_us
from features.errors import DomainError

EXAMPLE = "example"
MODEL_TYPES = ("classification", "regression", "clustering", "nlp", "computer_vision")
OF_EVENTS = ("classification", "regression")
"""Kinds of models that can be made of events."""

DEPLOYMENT_TYPES: tuple[str, ...] = get_args(Deployment)
TABLES = (".parquet", ".csv")
URLS = ("s3://", "gs://", "file://")


class Answers(NamedTuple):
    """How a project begins.

    ``entity``, ``timestamp``, ``target`` and ``horizon`` are of a file of events: its columns whom to predict for, when
    it happened and what to predict, and how far ahead. Empty is not said.
    """

    requirements: str = ""
    model_type: str = "classification"
    dataset_source: str = EXAMPLE
    deployment_type: str = "realtime"
    entity: str = ""
    timestamp: str = ""
    target: str = ""
    horizon: str = ""

    @property
    def is_example(self) -> bool:
        """Whether there is no table of one's own."""
        return self.dataset_source == EXAMPLE

    @property
    def is_elsewhere(self) -> bool:
        """Whether the table has a URL."""
        return self.dataset_source.startswith(URLS)

    @property
    def deployment(self) -> Deployment:
        """The kind of deployment, once it was held to those that there are."""
        return "batch" if self.deployment_type == "batch" else "realtime"

    @property
    def horizon_us(self) -> int | None:
        """How far ahead; None: chosen by how long the history is."""
        return parse_duration_us(self.horizon) if self.horizon else None


OF_A_TABLE = ("entity", "timestamp", "target", "horizon")
"""Answers that the example has already."""


def check_model_type(value: str) -> None:
    """DomainError for one that no project can begin with."""
    _check_among("MODEL_TYPE", value, MODEL_TYPES)


def check_deployment_type(value: str) -> None:
    """DomainError for one that there is not."""
    _check_among("DEPLOYMENT_TYPE", value, DEPLOYMENT_TYPES)


def check_source(value: str) -> None:
    """DomainError for what is no file that is there, and no URL of some."""
    if value == EXAMPLE or value.startswith(URLS):
        return
    path = Path(value)
    if "://" in value or path.suffix.lower() not in TABLES:
        raise DomainError(
            "DATASET_SOURCE",
            f"{value!r} is no Parquet or CSV file, and no {', '.join(URLS)} of some",
            f"name a .parquet or .csv file, or {EXAMPLE}; out of a database, write the rows to one first",
        )
    if not path.is_file():
        raise DomainError("DATASET_SOURCE", f"there is no file {path}", f"name one that is there, or {EXAMPLE}")


def check_horizon(value: str) -> None:
    """DomainError for what is no length of time."""
    try:
        if value and parse_duration_us(value) == 0:
            raise DomainError("--horizon", "is zero", "say how far ahead to predict, such as 30d")
    except ValueError as error:
        raise DomainError("--horizon", str(error), "write a whole number and a unit") from None


CHECKS: dict[str, Callable[[str], None]] = {
    "model_type": check_model_type,
    "dataset_source": check_source,
    "deployment_type": check_deployment_type,
    "horizon": check_horizon,
}
"""What holds an answer to what can be begun with, by its name."""


def check(answers: Answers) -> Answers:
    """The same answers; DomainError for one that no project can begin with."""
    for name, hold in CHECKS.items():
        hold(getattr(answers, name))
    said = [name for name in OF_A_TABLE if getattr(answers, name)]
    if answers.is_example and said:
        raise DomainError(
            f"--{said[0]}", "is about a file of events", "name the file as DATASET_SOURCE, or leave it out"
        )
    return answers


def _check_among(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise DomainError(name, f"{value!r} is not known", f"say one of {', '.join(known)}")
