"""scikit-learn's linear models: logistic regression for classes, ridge regression for values."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.head import Task
from offline_training.conversion.layers import Layer
from offline_training.conversion.preparation import prepare
from offline_training.learners.learned_linear import LearnedLinear
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import NOT_NEGATIVE, POSITIVE, Accepted, require_accepted

_MAX_ITERATIONS = 1_000

OF_LOGISTIC: Final[Accepted] = {"C": POSITIVE}
OF_RIDGE: Final[Accepted] = {"alpha": NOT_NEGATIVE}
"""What ``params`` of each may set."""


class Logistic:
    """Logistic regression, of several classes multinomial. ``C`` is the inverse of how strongly it is held small."""

    name: Final = "logistic_regression"
    library: Final = "scikit-learn"
    tasks: Final[frozenset[Task]] = frozenset({"binary", "multiclass"})

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken."""
        require_accepted(self.name, params, OF_LOGISTIC)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """How strongly it is held small."""
        return {"C": trial.suggest_float("C", 1e-4, 100.0, log=True)}

    def fit(
        self,
        sample: Sample,
        params: Params,
        *,
        seed: int,
        validation: Validation | None = None,  # noqa: ARG002 - it is fitted to its end
    ) -> LearnedLinear:
        """Fit on one thread, for its bits, and because BLAS threads wait for each other where cores are busy."""
        preparation = prepare(sample.rows)
        model = LogisticRegression(C=float(params.get("C", 1.0)), max_iter=_MAX_ITERATIONS, random_state=seed)
        with threadpool_limits(limits=1):
            model.fit(preparation.apply(sample.rows), sample.labels, sample_weight=sample.weights)
        return LearnedLinear(
            learner=self.name,
            params=dict(params),
            link="sigmoid" if sample.task == "binary" else "softmax",
            preparation=preparation,
            layers=(Layer(model.coef_.T, model.intercept_),),
        )


class RidgeRegression:
    """Least squares, held small by ``alpha``."""

    name: Final = "ridge"
    library: Final = "scikit-learn"
    tasks: Final[frozenset[Task]] = frozenset({"regression"})

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken."""
        require_accepted(self.name, params, OF_RIDGE)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - it has one task
        """How strongly it is held small."""
        return {"alpha": trial.suggest_float("alpha", 1e-3, 1e4, log=True)}

    def fit(
        self,
        sample: Sample,
        params: Params,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        validation: Validation | None = None,  # noqa: ARG002 - it is solved, not approached
    ) -> LearnedLinear:
        """Solve for the weights, on one thread."""
        preparation = prepare(sample.rows)
        model = Ridge(alpha=float(params.get("alpha", 1.0)), solver="cholesky")
        with threadpool_limits(limits=1):
            model.fit(preparation.apply(sample.rows), sample.labels, sample_weight=sample.weights)
        return LearnedLinear(
            learner=self.name,
            params=dict(params),
            link="identity",
            preparation=preparation,
            layers=(Layer(model.coef_.reshape(-1, 1), np.atleast_1d(model.intercept_)),),
        )
