"""From a model's statement and its training set to the algorithm and parameters that the training goes on with."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import optuna

from features.dask_cluster import n_slots
from features.head import Task
from features.model_file import ModelSpec, SearchSpec
from features.progress import Progress
from offline_training.class_weights import row_weights
from offline_training.dataset import Dataset
from offline_training.folds import expanding_folds, fit_for_use, only_needed, thin_folds
from offline_training.learners import LEARNERS, OF_EXTRAS, learner_of
from offline_training.search.cluster_workers import open_cluster_workers
from offline_training.search.journal import Journal
from offline_training.search.metrics import metric_of
from offline_training.search.outcome import SearchReport, folds_text
from offline_training.search.problem import Candidate, Problem
from offline_training.search.report import report_search
from offline_training.search.searching import Budget, run_search
from offline_training.search.workers import OpenWorkers, open_processes
from offline_training.split import split_by_time

if TYPE_CHECKING:
    from distributed import Client

_MINUTE_S = 60.0


def choose(
    data: Dataset,
    spec: ModelSpec,
    wanted: SearchSpec,
    journal: Path,
    *,
    say: Callable[[str], None],
    progress: Progress,
    processes: int | None = None,
    cluster: Client | None = None,
) -> tuple[ModelSpec, SearchReport | None]:
    """The same model with what a search chose for it; as it is (None), where nothing could be searched.

    Test rows are not looked at. Trials run on a cluster where there is one; else by ``processes`` (None: all cores).
    """
    problem = problem_of(data, spec, wanted)
    if not problem.folds:
        say("no search: no rows lie a label horizon after others, so the parameters stay as model.yaml states them")
        return spec, None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    limit_s = math.inf if wanted.time_budget_minutes is None else wanted.time_budget_minutes * _MINUTE_S
    open_workers: OpenWorkers
    if cluster is None:
        at_once, open_workers = processes or usable_cores(), open_processes
    else:
        at_once, open_workers = n_slots(cluster), partial(open_cluster_workers, cluster)
    budget = Budget(wanted.trials, limit_s, at_once)
    say(f"searching {', '.join(problem.algorithms)} by {problem.metric} over {folds_text(len(problem.folds))}")
    kept = Journal(journal)
    with progress("trials", wanted.trials) as advance:
        run_search(problem, budget, kept, open_workers=open_workers, advance=advance)
    report = report_search(problem, list(kept.trials.values()))
    if report is None:
        say("the time for the search was over before its first trial: the parameters stay as model.yaml states them")
        return spec, None
    say(report.summary.line())
    chosen = report.summary
    return msgspec.structs.replace(spec, algorithm=chosen.best_model, params=chosen.best_params), report


def problem_of(data: Dataset, spec: ModelSpec, wanted: SearchSpec) -> Problem:
    """What is searched: the rows before the test rows, in folds of their own."""
    metric = metric_of(spec.task, wanted.metric)
    algorithms = wanted.algorithms or algorithms_of(spec.task)
    for algorithm in algorithms:
        learner_of(algorithm, spec.task)
    earlier = split_by_time(data.at_us, gap_us=spec.gap_us, span_us=spec.test_span_us).earlier
    labels = data.labels[earlier]
    folds = expanding_folds(data.at_us[earlier], wanted.folds, gap_us=spec.gap_us, span_us=spec.test_span_us)
    folds = fit_for_use(thin_folds(folds, wanted.max_rows, spec.seed), labels, spec.n_classes)
    needed, folds = only_needed(folds)
    weights = row_weights(spec.class_weights, labels, spec.class_names)
    return Problem(
        rows=data.rows[earlier[needed]],
        labels=labels[needed],
        names=data.names,
        preparation=spec.preparation,
        weights=None if weights is None else weights[needed],
        folds=folds,
        task=spec.task,
        n_classes=spec.n_classes,
        metric=metric.name,
        algorithms=algorithms,
        given=Candidate(spec.algorithm, spec.params),
        in_flight=wanted.in_flight,
        seed=spec.seed,
    )


def algorithms_of(task: Task) -> tuple[str, ...]:
    """All that can do a task, but those of extras."""
    return tuple(sorted(name for name, learner in LEARNERS.items() if task in learner.tasks and name not in OF_EXTRAS))


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
