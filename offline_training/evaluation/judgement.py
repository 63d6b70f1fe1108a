"""All that is said of a model by its tested rows."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from features.approval.checks import bias_metric
from features.head import UNSUPERVISED, Task, to_scores
from features.model_file import ModelSpec
from offline_training.dataset import Dataset
from offline_training.estimate import Estimate
from offline_training.evaluation.fairness import Fairness, fairness_of
from offline_training.evaluation.intervals import RESAMPLES, intervals
from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.robustness import Disturbance, robustness
from offline_training.evaluation.segments import Segment, segments_of
from offline_training.evaluation.targets import Target, judge_targets
from offline_training.gates import Gate
from offline_training.learners import Learned
from offline_training.split import Split

_QUICK_RESAMPLES = 100


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """Of the model that was fitted on earlier rows, on the tested ones.

    ``robustness`` is empty where it was not measured; ``gates`` are those of fairness.
    """

    task: Task
    rows: int
    threshold: float | None
    figures: dict[str, Estimate]
    targets: tuple[Target, ...]
    segments: tuple[Segment, ...]
    robustness: tuple[Disturbance, ...]
    fairness: tuple[Fairness, ...]
    gates: tuple[Gate, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Figures by name, and the widest gap between the groups of each column that some were compared by."""
        gaps = {bias_metric(found.column): found.gap for found in self.fairness}
        return {name: found.value for name, found in self.figures.items()} | gaps


def require_columns(data: Dataset, spec: ModelSpec) -> None:
    """DomainError, before anything is fitted, where the model file names a column that is not there."""
    for key, names in (("evaluation.segments", spec.evaluation.segments), ("fairness.columns", spec.fairness.columns)):
        for name in names:
            data.column(key, name)


def to_outcomes(data: Dataset, spec: ModelSpec, split: Split, scores: np.ndarray) -> Outcomes:
    """The tested rows, and how they were scored ``[n, outputs]``."""
    units = None if data.beside is None else data.beside.units[split.later]
    outcomes = Outcomes(spec.task, data.labels[split.later], scores if spec.classes else scores[:, 0], units=units)
    return outcomes if spec.decision is None else outcomes._replace(threshold=spec.decision.threshold)


def judge_model(
    data: Dataset, spec: ModelSpec, split: Split, tested: Learned, outcomes: Outcomes, *, quick: bool
) -> Judgement:
    """Measure everything that the model file asks for; a quick one draws fewer resamples and disturbs no input.

    Without labels there is no figure that a disturbance would make worse.
    """
    resamples = _QUICK_RESAMPLES if quick else RESAMPLES

    def score(rows: np.ndarray) -> np.ndarray:
        return to_scores(tested.link, tested.raw(rows)).reshape(len(rows), *outcomes.scores.shape[1:])

    def columns(key: str, names: Iterable[str]) -> dict[str, np.ndarray]:
        return {name: data.column(key, name)[split.later] for name in names}

    figures = intervals(outcomes, seed=spec.seed, resamples=resamples)
    fairness = fairness_of(outcomes, columns("fairness.columns", spec.fairness.columns))
    return Judgement(
        task=spec.task,
        rows=len(outcomes.labels),
        threshold=outcomes.threshold if spec.task in {"binary", "anomaly"} else None,
        figures=figures,
        targets=judge_targets(spec.targets, {name: found.value for name, found in figures.items()}, outcomes),
        segments=segments_of(
            outcomes, columns("evaluation.segments", spec.evaluation.segments), seed=spec.seed, resamples=resamples
        ),
        robustness=()
        if quick or spec.task in UNSUPERVISED
        else robustness(score, data.rows[split.later], data.names, outcomes, spec.missing, seed=spec.seed),
        fairness=fairness,
        gates=tuple(_gates(fairness, spec.fairness.max_gap)),
    )


def _gates(fairness: Iterable[Fairness], max_gap: float | None) -> Iterable[Gate]:
    """One a column: how alike its groups are, which is one minus the widest gap."""
    if max_gap is not None:
        for found in fairness:
            yield Gate(name=f"alike_across_{found.column}", value=1.0 - found.gap, least=1.0 - max_gap)
