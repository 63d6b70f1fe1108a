"""From a training set to a proven model: evaluated on the last observations, then refitted on every row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from features.errors import DomainError
from features.head import UNSUPERVISED, to_scores
from features.model_file import ModelSpec
from offline_training.baselines import LINEAR, evaluate_linear, rank_alone
from offline_training.calibration import calibrated
from offline_training.conversion.exported import Exported
from offline_training.dataset import Dataset
from offline_training.evaluation import AnyEvaluation, evaluate_model
from offline_training.evaluation.threshold import decide_by, require_stated
from offline_training.gates import Gate, judge
from offline_training.learners import Keep, Learned, Learner, Params, Validation, keeping, learner_of
from offline_training.loss import mean_loss
from offline_training.preparation import prepared
from offline_training.proof import Proof, prove
from offline_training.sample import sample_of
from offline_training.split import Split, outcomes_problem, require_outcomes, split_by_time
from offline_training.unsupervised import evaluate_unsupervised

Say = Callable[[str], None]

_LOOKED_AT: Final = 1_000
"""Training rows whose scores must be numbers: a fit that goes astray does so for all."""


class Fitted(NamedTuple):
    """The model to publish, and what is known of it.

    ``test_scores`` (``[n, outputs]``) and the figures are of the model that was fitted on the earlier rows only
    (``tested``); the published one (``learned``, ``exported``, ``proof``) is fitted on all. ``validation_loss`` is
    that at which ``learned.params`` were chosen; None: the history is too short to choose. ``spec`` is the model
    file's, with the threshold that was chosen, or the clusters that were found. Without labels there are no baselines.
    """

    spec: ModelSpec

    learned: Learned
    exported: Exported
    proof: Proof
    split: Split
    validation_loss: float | None
    tested: Learned
    test_scores: np.ndarray
    test: AnyEvaluation
    linear: AnyEvaluation | None
    single_rank: float | None
    gates: tuple[Gate, ...]


class _Tested(NamedTuple):
    """What `Fitted` has of the model that is tested, and the parameters that the published one is fitted with."""

    spec: ModelSpec
    params: Params
    validation_loss: float | None
    tested: Learned
    test: AnyEvaluation
    linear: AnyEvaluation | None
    single_rank: float | None
    gates: tuple[Gate, ...]


class _Chosen(NamedTuple):
    """Parameters that need no validation any more, and the model file with its threshold."""

    params: Params
    validation_loss: float | None
    spec: ModelSpec


def fit(data: Dataset, spec: ModelSpec, say: Say, keep: Keep | None = None, learner: Learner | None = None) -> Fitted:
    """Choose when to stop, evaluate against both baselines, refit on all rows, convert and prove.

    The ``learner`` is the algorithm's where none is given.
    """
    learner = keeping(learner or learner_of(spec.algorithm, spec.task), keep)
    learner = prepared(learner, spec.preparation, data.names)
    learner.check(spec.params)
    split = split_by_time(data.at_us, gap_us=spec.gap_us, span_us=spec.test_span_us)
    tested = (_test_unlabelled if spec.task in UNSUPERVISED else _test)(learner, spec, data, split, say)
    test_scores = to_scores(tested.tested.link, tested.tested.raw(data.rows[split.later]))

    say(f"refitting on all {len(data.whole.labels):,} rows")
    final = _fit_rows(learner, spec, data.rows, data.labels, None, tested.params)
    learned = calibrated(final, learner, spec, data.rows, data.labels, data.at_us)
    exported = learned.export()
    say("proving the ONNX model")
    proof = prove(exported, learned.raw, data.rows[split.later])
    return Fitted(
        spec=tested.spec,
        learned=learned,
        exported=exported,
        proof=proof,
        split=split,
        validation_loss=tested.validation_loss,
        tested=tested.tested,
        test_scores=test_scores,
        test=tested.test,
        linear=tested.linear,
        single_rank=tested.single_rank,
        gates=tested.gates,
    )


def _test(learner: Learner, spec: ModelSpec, data: Dataset, split: Split, say: Say) -> _Tested:
    """Against labels and both baselines."""
    earlier, later = split.earlier, split.later
    require_outcomes("training rows", data.labels[earlier], spec.n_classes)
    require_outcomes("test rows", data.labels[later], min(spec.n_classes, 2))
    rows, labels, test_labels = data.rows[earlier], data.labels[earlier], data.labels[later]

    say(f"choosing when to stop on {len(data.whole.until(split.earlier_until_us).labels):,} rows")
    inner = split_by_time(data.at_us[earlier], gap_us=spec.gap_us, span_us=spec.test_span_us)
    chosen = _choose(learner, rows, labels, data.at_us[earlier], inner, spec)
    say(f"fitting {learner.name} and the baselines, testing on {len(later):,} rows")
    found = _fit_rows(learner, spec, rows, labels, split.earlier_until_us, chosen.params)
    tested = calibrated(found, learner, spec, rows, labels, data.at_us[earlier])
    spec = chosen.spec
    test = evaluate_model(spec, test_labels, to_scores(tested.link, tested.raw(data.rows[later])))
    linear = evaluate_linear(spec, rows, labels, data.rows[later], test_labels)
    alone = data.column("baseline_feature", spec.baseline_feature)
    single = rank_alone(spec, alone[earlier], labels, alone[later], test_labels)
    gates = judge(spec.gates, rank=test.rank, linear=LINEAR[spec.task], linear_rank=linear.rank, single_rank=single)
    return _Tested(spec, chosen.params, chosen.validation_loss, tested, test, linear, single, gates)


def _test_unlabelled(learner: Learner, spec: ModelSpec, data: Dataset, split: Split, say: Say) -> _Tested:
    """By itself: how it is on later rows, and whether it would be so again."""
    earlier, later = split.earlier, split.later
    for part, some in (("training rows", earlier), ("test rows", later)):
        if len(some) < 2:
            raise DomainError(f"split: {part}", f"are {len(some)}", "observe more, or longer")
    rows = data.rows[earlier]

    def fit_rows(drawn: np.ndarray) -> Learned:
        return _fit_rows(learner, spec, drawn, np.full(len(drawn), np.nan), split.earlier_until_us, spec.params)

    say(f"fitting {learner.name} on {len(earlier):,} rows and on resamples of them, testing on {len(later):,}")
    tested = fit_rows(rows)
    found = evaluate_unsupervised(spec, fit_rows, tested, rows, data.rows[later], data.labels[later])
    return _Tested(found.spec, tested.params, None, tested, found.test, None, None, found.gates)


def _choose(
    learner: Learner,
    rows: np.ndarray,
    labels: np.ndarray,
    at_us: np.ndarray,
    split: Split,
    spec: ModelSpec,
) -> _Chosen:
    """Parameters at which the loss of the later part of a split is least, fitted on the earlier part.

    Where the history is too short for such a split, those that are stated.
    """
    if outcomes_problem(labels[split.earlier], spec.n_classes) or outcomes_problem(labels[split.later], 0):
        require_stated(spec)
        return _Chosen(spec.params, None, spec)
    later = sample_of(spec, rows[split.later], labels[split.later])
    validation = Validation(later.rows, later.labels, later.weights)
    fit_rows = partial(_fit_rows, learner, spec, rows[split.earlier], labels[split.earlier])
    found = fit_rows(split.earlier_until_us, spec.params, validation)
    scores = to_scores(found.link, found.raw(validation.rows))
    loss = mean_loss(spec.task, validation.labels, scores, later.weights)
    if spec.evaluation.threshold is not None:  # it is compared with what will be served
        served = calibrated(found, learner, spec, rows[split.earlier], labels[split.earlier], at_us[split.earlier])
        scores = to_scores(served.link, served.raw(validation.rows))
    return _Chosen(found.params, loss, decide_by(spec, validation.labels, scores[:, 0]))


def _fit_rows(
    learner: Learner,
    spec: ModelSpec,
    rows: np.ndarray,
    labels: np.ndarray,
    until_us: int | None,
    params: Params,
    validation: Validation | None = None,
) -> Learned:
    """DomainError where what it learned is no number: ONNX Runtime's NaN would be proven equal to it."""
    found = learner.fit(sample_of(spec, rows, labels, until_us), params, seed=spec.seed, validation=validation)
    if not np.isfinite(found.raw(rows[:_LOOKED_AT])).all():
        raise DomainError(
            f"algorithm: {learner.name}",
            "learned no numbers from the training rows: its raw scores of them are not finite",
            "lower its learning_rate, or bring inputs and labels into range",
        )
    return found
