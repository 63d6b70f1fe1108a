"""What the model has to beat: a logistic regression on the same inputs, and one input alone."""

from __future__ import annotations

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

_MAX_ITERATIONS = 1_000


def fit_logistic(rows: np.ndarray, labels: np.ndarray) -> Pipeline:
    """A logistic regression with everything before it fitted on the same rows, so that nothing leaks.

    Counts, sums and times are skewed, hence the logarithm; an input's absence is an input of its own. One thread,
    for its bits, and because BLAS threads wait for each other where cores are busy.
    """
    pipeline = make_pipeline(
        FunctionTransformer(signed_log),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=_MAX_ITERATIONS),
    )
    with threadpool_limits(limits=1):
        pipeline.fit(rows, labels)
    return pipeline


def logistic_scores(pipeline: Pipeline, rows: np.ndarray) -> np.ndarray:
    """Probabilities of the label 1."""
    return np.asarray(pipeline.predict_proba(rows)[:, 1], dtype=np.float64)


def signed_log(values: np.ndarray) -> np.ndarray:
    """``sign(x) · log(1 + |x|)``: order kept, tails drawn in."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def single_input_scores(fit_column: np.ndarray, fit_labels: np.ndarray, column: np.ndarray) -> np.ndarray:
    """One input as a ranking, in the direction that ranks the rows of the fit; null stands at their median."""
    known = fit_column[~np.isnan(fit_column)]
    middle = float(np.median(known)) if len(known) else 0.0
    in_fit = np.nan_to_num(fit_column, nan=middle)
    direction = 1.0 if roc_auc_score(fit_labels, in_fit) >= 0.5 else -1.0
    return np.asarray(direction * np.nan_to_num(column, nan=middle))
