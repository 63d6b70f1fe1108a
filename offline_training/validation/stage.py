"""Validation as a stage of a training, and as a command of its own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from features.domain import Domain
from features.errors import RequestError
from features.plan import Plan
from offline_training.dataset import Dataset
from offline_training.observations import EventTables
from offline_training.validation.finding import Verdict
from offline_training.validation.gate import judged_set, require_passed, suite_path, validate
from offline_training.validation.inferring import infer_suite
from offline_training.validation.report import write_report
from offline_training.validation.suite import Suite
from offline_training.validation.suite_file import changes, read_suite, write_suite


class Written(NamedTuple):
    """A suite that was written, and how it differs from the one before it."""

    path: Path
    suite: Suite
    changes: tuple[str, ...]


def require_valid(plan: Plan, domain: Domain, model: str, data: Dataset, tables: EventTables, reports: Path) -> Verdict:
    """Hold a training set to the model's suite and write the report; DomainError where it does not pass."""
    verdict, page = judge_set(plan, domain, model, data, tables, reports)
    require_passed(verdict, page)
    return verdict


def judge_set(
    plan: Plan, domain: Domain, model: str, data: Dataset, tables: EventTables, reports: Path
) -> tuple[Verdict, Path]:
    """The same, whatever the verdict; with the page that tells it."""
    verdict = validate(plan, domain, model, data, tables)
    return verdict, write_report(verdict, reports)


def write_inferred(domain: Domain, model: str, data: Dataset, *, refresh: bool) -> Written:
    """Infer the suite of a model and write it into the domain folder; RequestError where there is one already.

    To refresh is to replace that, by the next version.
    """
    spec = domain.models[model]
    path = suite_path(domain, spec)
    before = read_suite(path, model)
    if before is not None and not refresh:
        raise RequestError("--infer", f"{path} is there already", "replace it by --refresh, or edit it")
    version = 1 if before is None else before.version + 1
    suite = infer_suite(model, spec.task, data, judged_set(model, spec.task, data).frame, version=version)
    write_suite(path, suite)
    return Written(path, suite, () if before is None else tuple(changes(before, suite)))
