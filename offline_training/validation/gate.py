"""The gate: everything that is known to be wrong with a training set, written down before it ends the training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from features.domain import Domain
from features.errors import DomainError
from features.head import UNSUPERVISED, Task
from features.model_file import Check, ModelSpec, ValidationSpec
from features.plan import Plan
from offline_training.dataset import Dataset
from offline_training.label_query import label_query
from offline_training.observations import EventTables
from offline_training.validation import shares
from offline_training.validation.finding import CHECKS, Finding, Verdict, waive
from offline_training.validation.future_knowledge import future_knowledge, lake_end_us
from offline_training.validation.identifiers import identifiers
from offline_training.validation.inferring import infer_suite
from offline_training.validation.pandera_schema import breaches, compiled
from offline_training.validation.suite import SUITE, Suite
from offline_training.validation.suite_file import read_suite
from offline_training.validation.target_leaks import target_leaks

if TYPE_CHECKING:
    import pandas as pd


_OF_LABELS: Final[tuple[Check, ...]] = ("class_balance", "leakage_target_copy", "leakage_single_predictor")


class Judged(NamedTuple):
    """A training set as it is validated: of which model, and as a table."""

    model: str
    task: Task
    data: Dataset
    frame: pd.DataFrame


def judged_set(model: str, task: Task, data: Dataset) -> Judged:
    """Make the table."""
    table = data.table()
    return Judged(model, task, data, table.to_pandas())


def suite_path(domain: Domain, spec: ModelSpec) -> Path:
    """The file that a person may have put there."""
    return domain.repo / spec.validation.suite


def validate(plan: Plan, domain: Domain, model: str, data: Dataset, tables: EventTables) -> Verdict:
    """Hold a training set to the model's suite; where the domain has none, to the one that is inferred from it.

    ``tables`` are the events that its labels come from. DomainError for a suite that is named and not there.
    """
    spec = domain.models[model]
    path = suite_path(domain, spec)
    judged = judged_set(model, spec.task, data)
    found = read_suite(path, model)
    if found is None and spec.validation.suite != ValidationSpec().suite:
        raise DomainError(
            str(path),
            "is missing, and validation.suite of model.yaml names it",
            "`millstream validate --infer` writes it",
        )
    unlabelled = spec.task in UNSUPERVISED
    suite = found or infer_suite(model, spec.task, data, judged.frame, version=0)
    findings = [*findings_of(judged, suite, str(path), spec.seed)]
    passed_over: dict[Check, str] = dict.fromkeys(_OF_LABELS, "it learns without labels") if unlabelled else {}
    if spec.dataset is not None:
        passed_over["leakage_future"] = "observations come from a dataset: what it knew, and when, only its owner knows"
    else:
        findings += _future(plan, domain, model, tables, suite.leakage.instants)
    judged_findings, unneeded = waive(
        sorted(findings, key=lambda one: CHECKS.index(one.check)), spec.validation.waivers
    )
    return Verdict(
        model=model,
        suite_file=None if found is None else str(path),
        suite_version=suite.version,
        rows=len(data.at_us),
        columns=len(judged.frame.columns),
        first_at=data.first_at,
        last_at=data.last_at,
        findings=judged_findings,
        notes=(*_sampled(data), *shares.unusable(data.names, data.rows), *_unknown(judged, suite)),
        passed_over=passed_over,
        unneeded_waivers=unneeded,
    )


def require_passed(verdict: Verdict, report: Path) -> None:
    """DomainError where something does not hold that nobody waived."""
    if verdict.passed:
        return
    lines = "".join(f"\n  {finding.line()}" for finding in verdict.failures)
    raise DomainError(
        f"training set of {verdict.model}",
        f"fails {SUITE} in {len(verdict.failures)} points, of which {report} tells more:{lines}\n",
        "correct what makes it; or correct the suite; or waive the check by name, with a reason, under "
        "validation.waivers in model.yaml",
    )


def findings_of(judged: Judged, suite: Suite, where: str, seed: int) -> Iterator[Finding]:
    """All that the set itself shows; ``where`` names the suite's file."""
    data, task = judged.data, judged.task
    yield from breaches(compiled(suite, where), judged.frame, list(suite.numeric_bounds))
    yield from shares.not_finite(data.names, data.rows)
    yield from shares.too_many_nulls(data.names, data.rows, suite.nulls)
    yield from shares.repeated_observations(data, suite.duplicates)
    yield from shares.too_many_outliers(data.names, data.rows, suite.outliers)
    yield from identifiers(data.names, data.rows, data.keys, suite.leakage.id)
    if task not in UNSUPERVISED:
        yield from shares.out_of_balance(data.labels, task, suite.class_balance)
        yield from target_leaks(data.names, data.rows, data.labels, task, suite.leakage, seed=seed)


def _future(plan: Plan, domain: Domain, model: str, tables: EventTables, instants: int) -> list[Finding]:
    with tables.sql(plan.sources) as connection:
        query = label_query(plan, domain, model, lake_end_us(connection, plan.sources))
        return list(future_knowledge(connection, plan, query, instants))


def _sampled(data: Dataset) -> Iterator[str]:
    if data.larger is not None:
        yield f"of {len(data.larger.labels):,} rows, these are the test rows and a sample of the others"


def _unknown(judged: Judged, suite: Suite) -> Iterator[str]:
    for name in judged.frame.columns:
        if name not in suite.required_columns and name not in suite.schema.get("columns", {}):
            yield f"{name} is not in the suite: `millstream validate --refresh` takes it in"
