"""Reading ``model.yaml``: everything in it is the user's own text, so each refusal says what, where and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from features.durations import parse_duration_us
from features.errors import DomainError
from features.head import UNSUPERVISED, Task
from features.model_file.approval import check_approval, check_bounds, check_people
from features.model_file.dataset import check_split
from features.model_file.judging import check_judging
from features.model_file.preparation import check_preparation
from features.model_file.search import check_calibration, check_class_weights, check_search
from features.model_file.served import check_served
from features.model_file.spec import LABELS_FILE, DemoSpec, ModelFile, ModelSpec, SplitSpec
from features.model_file.validation import check_validation
from features.text_file import read_yaml

MODEL_FILE = "model.yaml"

_NAME: Final = re.compile(r"\w[\w .-]{0,127}")
"""Of a model: folders are called by it, and the registry takes it."""

_DECIDED: Final[frozenset[Task]] = frozenset({"binary", "anomaly"})
"""Tasks whose score lies between 0 and 1, and is decided on by a threshold."""


def read_model_file(path: Path) -> ModelFile:
    """Read and check a ``model.yaml``.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ModelFile
        Its content.

    Raises
    ------
    DomainError
        The file is missing, is not YAML, has an unknown or missing key, or a value out of range.

    """
    try:
        raw = read_yaml(path)
    except FileNotFoundError:
        raise DomainError(
            str(path), "is missing", "every domain has one; `millstream init` writes an example"
        ) from None
    try:
        file = msgspec.convert(_with_utc(raw), ModelFile)
    except msgspec.ValidationError as error:
        raise DomainError(str(path), str(error), "see docs/domain.md for the keys and their values") from error
    _check(path, file)
    return file


def _with_utc(value: Any) -> Any:
    """The same tree with YAML's dates and zoneless times as instants in UTC."""
    if isinstance(value, dict):
        return {key: _with_utc(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_utc(item) for item in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _check(path: Path, file: ModelFile) -> None:
    """Refuse values that types cannot exclude."""
    if not file.models:
        raise DomainError(f"{path}: models", "is empty", "name at least one model")
    check_people(f"{path}: people", file.people)
    for name, model in file.models.items():
        if not _NAME.fullmatch(name):
            raise DomainError(
                f"{path}: models.{name}", "is no name for a model", "use letters, digits, blanks, dots, - and _"
            )
        _check_model(f"{path}: models.{name}", model)
        check_approval(f"{path}: models.{name}", model.approval, model.approvers, model.checks, file.people)
        check_bounds(f"{path}: models.{name}.checks", model.task, model.checks)
    if file.demo is not None:
        _check_demo(f"{path}: demo", file.demo, file.models)


def _check_demo(where: str, demo: DemoSpec, models: Mapping[str, ModelSpec]) -> None:
    """Refuse a demo of no model, or one that goes back in time."""
    if demo.model not in models:
        raise DomainError(f"{where}.model", f"{demo.model!r} is no model", f"name one of {sorted(models)}")
    instants = demo.score_at
    if not instants or list(instants) != sorted(set(instants)) or instants[0] < demo.train_at:
        raise DomainError(
            f"{where}.score_at", "must be rising instants, none before demo.train_at", "reorder or correct them"
        )


def _check_model(where: str, model: ModelSpec) -> None:
    """Refuse lengths of time, names and thresholds of one model that cannot be meant."""
    split = model.split
    if model.dataset is not None and model.labels != LABELS_FILE:
        raise DomainError(f"{where}.labels", "stands beside a dataset, which has the labels", "leave one of both out")
    check_split(
        where,
        horizon=model.horizon,
        test_share=split.test_share,
        by_time=split != SplitSpec(test_share=split.test_share),
        by_url=model.dataset is not None,
        labelled=model.task not in UNSUPERVISED,
    )
    texts = {"horizon": model.horizon or "1d", "split.gap": split.gap or "0d", "split.test_span": split.test_span}
    for key, text in texts.items():
        try:
            parse_duration_us(text)
        except ValueError as error:
            raise DomainError(f"{where}.{key}", str(error), "write a whole number and a unit") from None
    _check_learning(where, model)
    _check_outcomes(where, model)
    check_preparation(f"{where}.preparation", model.preparation)
    if not 0 <= model.seed < 2**31:
        raise DomainError(f"{where}.seed", "is out of range", "choose a whole number from 0 to 2147483647")
    if model.search is not None:
        check_search(f"{where}.search", model.search)
    check_class_weights(f"{where}.class_weights", model.class_weights, model.class_names)
    check_calibration(f"{where}.calibration", model.calibration, model.task)
    check_judging(where, model.task, model.targets, model.evaluation, model.fairness)
    check_served(where, model.task, model.served, model.challenger)
    check_validation(f"{where}.validation", model.validation)


def _check_learning(where: str, model: ModelSpec) -> None:
    """Refuse what only labels give sense to, where a task has none, and the lack of it where a task has."""
    if model.task in UNSUPERVISED:
        if model.search is not None:
            raise DomainError(f"{where}.search", f"is not for a {model.task} model", "there is no label to search by")
        return
    if model.timed and model.horizon_us == 0:
        raise DomainError(f"{where}.horizon", "is zero", "say how long after an observation its label is known")
    if not model.baseline_feature:
        raise DomainError(f"{where}.baseline_feature", "is missing", "name the input that the model must beat")


def _check_outcomes(where: str, model: ModelSpec) -> None:
    """Refuse names of outcomes that do not fit the task."""
    named, decision = model.classes, model.decision
    if model.task == "multiclass":
        if len(named) < 2 or len(set(named)) != len(named):
            raise DomainError(f"{where}.classes", "must be two names or more, all different", "name every class once")
        if decision is not None:
            raise DomainError(f"{where}.decision", "is not for a multiclass model", "it decides on the likeliest class")
    elif named:
        raise DomainError(f"{where}.classes", f"is not for a {model.task} model", "remove it, or say task: multiclass")
    if decision is None:
        if model.task in _DECIDED:
            raise DomainError(f"{where}.decision", "is missing", "name what a score above and below 0.5 means")
        return
    if model.task == "clustering":
        raise DomainError(f"{where}.decision", "is not for a clustering model", "it decides on the nearest cluster")
    if model.task in _DECIDED and not 0 < decision.threshold < 1:
        raise DomainError(f"{where}.decision.threshold", "is not between 0 and 1", "scores are")
    if decision.positive == decision.negative:
        raise DomainError(f"{where}.decision", "has one name for both outcomes", "give them different names")
