"""How much each feature has to do with the label, by six methods that err in different ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from scipy.stats.contingency import association
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import mutual_info_classif
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from offline_training.exploration.bins import binned, contingency, edges_of
from offline_training.exploration.gains import Quick, mean_contributions
from offline_training.exploration.target import Target

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

METHODS: Final[Mapping[str, str]] = {
    "correlation": "rank correlation with the label, without its sign; of classes, the largest with any of them",
    "mutual information": "what the label's class, or third, is known better by, in nats, in tenths of the feature",
    "chi²": "Cramér's V of the same table: the chi² statistic, on a scale from 0 to 1",
    "forest": "share of the impurity that a random forest's splits on it took away",
    "permutation": "what the forest loses on later rows when the feature is shuffled: ROC AUC, or R²",
    "SHAP": "mean size of its exact Shapley value in a boosted ensemble, on later rows",
}
"""The methods, and what their figures are."""

MODEL_METHODS: Final = ("forest", "permutation", "SHAP")
"""Those that weigh a feature beside all others, so that shares of them may be added up."""

_BINS = 10
_TREES = 60
_DEPTH = 10
_SHUFFLES = 2


class Rows(NamedTuple):
    """Rows to fit on, and later ones to try on."""

    fit: Doubles
    fit_target: Target
    later: Doubles
    later_target: Target


class Importance(NamedTuple):
    """``values`` is ``[methods, k]`` in the order of `METHODS`; ``mean_ranks`` are from 1, the best."""

    names: tuple[str, ...]
    values: Doubles
    mean_ranks: Doubles
    shares: Doubles

    @property
    def order(self) -> Codes:
        """Features by their mean rank, the best first."""
        return np.lexsort((-self.shares, self.mean_ranks))


def importance(names: Sequence[str], rows: Rows, quick: Quick, seed: int) -> Importance:
    """All methods; ``quick`` is a boosted ensemble fitted on the same rows."""
    forest = _forest(rows, seed)
    with threadpool_limits(limits=1):
        by_method = {
            "correlation": _correlations(rows),
            "mutual information": _mutual_information(rows, seed),
            "chi²": _cramers_v(rows),
            "forest": np.asarray(forest.feature_importances_),
            "permutation": _permutation(forest, rows, seed),
            "SHAP": mean_contributions(quick, rows.later),
        }
    values = np.stack([by_method[method] for method in METHODS])
    ranks = np.stack([rankdata(-row) for row in values])
    shares = [_shares(by_method[method]) for method in MODEL_METHODS]
    return Importance(tuple(names), values, ranks.mean(axis=0), np.mean(shares, axis=0))


def _shares(values: Doubles) -> Doubles:
    above = np.maximum(values, 0.0)
    return np.asarray(above / above.sum()) if above.sum() > 0.0 else np.full(len(values), 1.0 / len(values))


def _filled(rows: Doubles) -> Doubles:
    """Null as the median of its column, or nought where there is none."""
    known = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
    return np.where(np.isnan(rows), np.nanmedian(known, axis=0), rows)


def _correlations(rows: Rows) -> Doubles:
    target = rows.fit_target
    ranks = _standard(np.asarray(rankdata(_filled(rows.fit), axis=0)))
    if target.is_value:
        return np.abs(ranks.T @ _standard(rankdata(target.labels)[:, np.newaxis]))[:, 0] / len(ranks)
    indicators = _standard((target.labels[:, np.newaxis] == np.unique(target.labels)).astype(np.float64))
    return np.asarray(np.abs(ranks.T @ indicators / len(ranks)).max(axis=1))


def _standard(columns: Doubles) -> Doubles:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0.0, spread, np.inf))


def _codes(rows: Doubles) -> Codes:
    return np.column_stack([binned(column, edges_of(column, _BINS)) for column in rows.T])


def _mutual_information(rows: Rows, seed: int) -> Doubles:
    groups = rows.fit_target.group_of
    return np.asarray(mutual_info_classif(_codes(rows.fit), groups, discrete_features=True, random_state=seed))


def _cramers_v(rows: Rows) -> Doubles:
    groups = rows.fit_target.group_of
    tables = [contingency(codes, groups) for codes in _codes(rows.fit).T]
    return np.array([association(table.astype(int)) if min(table.shape) > 1 else 0.0 for table in tables])


def _forest(rows: Rows, seed: int) -> Any:
    kind = RandomForestRegressor if rows.fit_target.is_value else RandomForestClassifier
    forest = kind(
        n_estimators=_TREES,
        max_depth=_DEPTH,
        min_samples_leaf=max(2, len(rows.fit) // 1_000),
        max_features="sqrt",
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(rows.fit, rows.fit_target.labels)


def _permutation(forest: Any, rows: Rows, seed: int) -> Doubles:
    """Of the later rows of classes that the forest knows; nought where these are of one."""
    target, labels = rows.later_target, rows.later_target.labels
    known = np.ones(len(labels), np.bool_) if target.is_value else np.isin(labels, forest.classes_)
    if len(np.unique(labels[known])) < 2:
        return np.zeros(rows.later.shape[1])
    scoring: Any = "r2" if target.is_value else "roc_auc"
    if target.task == "multiclass":
        scoring = _by_log_loss
    found = permutation_importance(
        forest, rows.later[known], labels[known], scoring=scoring, n_repeats=_SHUFFLES, random_state=seed, n_jobs=1
    )
    return np.asarray(found.importances_mean)


def _by_log_loss(forest: Any, rows: Doubles, labels: Doubles) -> float:
    """Where not every class that the forest knows is there, too."""
    return -float(log_loss(labels, forest.predict_proba(rows), labels=forest.classes_))
