"""Features that know the label: copies of it, and (near) perfect predictors of it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from features.head import Task
from offline_training.validation.finding import Finding
from offline_training.validation.suite import Leakage

Doubles = npt.NDArray[np.float64]

_MOST_ROWS = 10_000
_LEAST_ROWS_OF_A_CLASS = 20
_MOST_VALUES_A_CLASS = 5
_MOST_LEAVES = 16
_PARTS = 2
_LARGEST = 1e30


def target_leaks(
    names: Sequence[str], rows: Doubles, labels: Doubles, task: Task, limits: Leakage, *, seed: int
) -> Iterator[Finding]:
    """Each feature that is a copy of the label, or else predicts it alone.

    Rows are in order of time. A sample of them is looked at, with as many rows of each class as there are, up to an
    equal share.
    """
    chosen = _sample(labels, task, seed)
    labels = labels[chosen]
    for name, column in zip(names, rows[chosen].T, strict=True):
        if (copied := copied_share(column, labels, task)) >= limits.target_copy:
            what = "its order is that of the label" if task == "regression" else "its values name the label"
            yield Finding(
                check="leakage_target_copy", column=name, detail=f"is a copy of the label: {what} ({copied:.4f})"
            )
        elif (power := power_alone(column, labels, task)) >= limits.single_predictor:
            figure = "R²" if task == "regression" else "ROC AUC"
            detail = f"predicts the label alone, with {figure} {power:.4f} on rows that it was not fitted on"
            yield Finding(check="leakage_single_predictor", column=name, detail=detail)


def copied_share(column: Doubles, labels: Doubles, task: Task) -> float:
    """How far a column is the label in other words; null is a value like any other.

    Of classes: the share of the rows of that class whose value names it best that is named least. Nought where the
    column has many more values than there are classes: then it is no copy, whatever it predicts. Of a regression: the
    rank correlation, without regard to its sign.
    """
    if task == "regression":
        known = ~np.isnan(column)
        if known.mean() < 0.5:
            return 0.0
        return abs(_correlation(rankdata(column[known]), rankdata(labels[known])))
    values, value_of = np.unique(column, return_inverse=True)  # NaNs are one value
    classes, class_of = np.unique(labels, return_inverse=True)
    if len(values) > _MOST_VALUES_A_CLASS * len(classes):
        return 0.0
    counts = np.zeros((len(values), len(classes)))
    np.add.at(counts, (value_of, class_of), 1.0)
    named = np.zeros(len(classes))
    np.add.at(named, counts.argmax(axis=1), counts.max(axis=1))
    return float((named / counts.sum(axis=0)).min())


def power_alone(column: Doubles, labels: Doubles, task: Task) -> float:
    """What a small tree makes of one column: ROC AUC, the least of two parts that were left out in turn.

    Of a regression R²: of the label's ranks by the tree, or of its values by a straight line.
    """
    part_of = np.arange(len(labels)) * _PARTS // len(labels)
    if task != "regression":
        part_of = _dealt(labels)
    return min(_power(column, labels, task, part_of == part) for part in range(_PARTS))


def _power(column: Doubles, labels: Doubles, task: Task, held_out: npt.NDArray[np.bool_]) -> float:
    inputs = np.clip(column, -_LARGEST, _LARGEST)[:, np.newaxis]  # a tree compares floats of 32 bits
    least = max(_LEAST_ROWS_OF_A_CLASS // 4, int(len(labels) * 0.005))
    options = {"max_leaf_nodes": _MOST_LEAVES, "min_samples_leaf": least, "random_state": 0}
    if task == "regression":
        ranks = rankdata(labels)
        model = DecisionTreeRegressor(**options).fit(inputs[~held_out], ranks[~held_out])
        by_tree = float(r2_score(ranks[held_out], model.predict(inputs[held_out])))
        known = held_out & np.isfinite(column)
        return max(
            by_tree, _correlation(column[known], labels[known]) ** 2 if known.sum() > held_out.sum() / 2 else 0.0
        )
    classes, counts = np.unique(labels[held_out], return_counts=True)
    if len(classes) < 2 or len(classes) < len(np.unique(labels)) or counts.min() < _LEAST_ROWS_OF_A_CLASS // _PARTS:
        return 0.0
    model = DecisionTreeClassifier(class_weight="balanced", **options).fit(inputs[~held_out], labels[~held_out])
    scores = model.predict_proba(inputs[held_out])
    if len(classes) == 2:
        return float(roc_auc_score(labels[held_out], scores[:, 1]))
    return float(roc_auc_score(labels[held_out], scores, multi_class="ovr", average="macro"))


def _dealt(labels: Doubles) -> npt.NDArray[np.intp]:
    """The part of each row: the earlier and the later half of its class."""
    parts = np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        (of_class,) = np.nonzero(labels == label)
        parts[of_class] = np.arange(len(of_class)) * _PARTS // len(of_class)
    return parts


def _sample(labels: Doubles, task: Task, seed: int) -> npt.NDArray[np.intp]:
    """Row numbers, rising: so many of each class, or of all."""
    random = np.random.default_rng(seed)
    groups = [np.arange(len(labels))]
    if task != "regression":
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    most = _MOST_ROWS // len(groups)
    return np.sort(np.concatenate([random.permutation(group)[:most] for group in groups]))


def _correlation(column: Doubles, labels: Doubles) -> float:
    if len(column) < 2 or (column == column[0]).all() or (labels == labels[0]).all():
        return 0.0
    return float(np.corrcoef(column, labels)[0, 1])
