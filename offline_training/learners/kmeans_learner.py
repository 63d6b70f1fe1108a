"""scikit-learn's k-means: as many centres as asked for, and each row is its nearest one's."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.errors import DomainError
from features.head import Task
from offline_training.conversion.preparation import prepare
from offline_training.learners.learned_clusters import LearnedClusters
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import Accepted, Choice, Either, Whole, require_accepted

_DEFAULTS: Params = {"n_clusters": 8, "n_init": 10, "max_iter": 300}
ACCEPTED: Final[Accepted] = {
    "n_clusters": Whole(2),
    "n_init": Either((Whole(1), Choice(("auto",)))),
    "max_iter": Whole(1),
}
"""One cluster tells nothing apart."""


class KMeansClustering:
    """K-means on scaled inputs; cluster 0 is the largest of the rows that it was fitted on."""

    name: Final = "kmeans"
    library: Final = "scikit-learn"
    tasks: Final[frozenset[Task]] = frozenset({"clustering"})

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken, and for clusters that tell nothing apart."""
        require_accepted(self.name, params, ACCEPTED)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - it has one task
        """How many clusters."""
        return {"n_clusters": trial.suggest_int("n_clusters", 2, 12)}

    def fit(
        self,
        sample: Sample,
        params: Params,
        *,
        seed: int,
        validation: Validation | None = None,  # noqa: ARG002 - it is fitted to its end
    ) -> LearnedClusters:
        """The best of several starts, on one thread, for its bits."""
        chosen = {**_DEFAULTS, **params}
        preparation = prepare(sample.rows, draw=False)
        inputs = preparation.apply(sample.rows)
        if not np.isfinite(inputs).all():
            raise DomainError("algorithm: kmeans", "has inputs too large or tiny to be scaled", "bring them into range")
        n_distinct, n_clusters = len(np.unique(inputs, axis=0)), int(chosen["n_clusters"])
        if n_distinct < n_clusters:
            raise DomainError(
                "model.yaml: params.n_clusters", f"is {n_clusters}, of {n_distinct} distinct rows", "ask for fewer"
            )
        model = KMeans(**chosen, random_state=seed)
        with threadpool_limits(limits=1):
            model.fit(inputs, sample_weight=sample.weights)
        sizes = np.bincount(model.labels_, sample.weights, minlength=n_clusters)
        order = np.argsort(-sizes, kind="stable")
        return LearnedClusters(
            learner=self.name,
            params=chosen,
            preparation=preparation,
            centres=np.ascontiguousarray(model.cluster_centers_[order]),
            shares=sizes[order] / sizes.sum(),
        )
