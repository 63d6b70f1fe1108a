"""scikit-learn's multi-layer perceptron: a network of rectifiers, fitted an epoch at a time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.head import Link, Task, to_scores
from offline_training.conversion.layers import Layer
from offline_training.conversion.preparation import prepare
from offline_training.learners.learned_layers import LearnedLayers
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import NOT_NEGATIVE, POSITIVE, Accepted, Whole, require_accepted
from offline_training.loss import mean_loss

_LINKS: dict[Task, Link] = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}
_DEFAULTS: Params = {"hidden_layers": 1, "hidden_units": 32, "learning_rate": 1e-3, "alpha": 1e-4, "batch_size": 256}
_DEFAULT_EPOCHS = 50
_DEFAULT_PATIENCE = 5
_OWN_LOOP: Final = {"epochs", "early_stopping_epochs"}

ACCEPTED: Final[Accepted] = {
    "hidden_layers": Whole(0, 16),
    "hidden_units": Whole(1, 4096),
    "learning_rate": POSITIVE,
    "alpha": NOT_NEGATIVE,
    "batch_size": Whole(1),
    "epochs": Whole(1),
    "early_stopping_epochs": Whole(1),
}
"""What ``params`` may set."""


class Mlp:
    """A network; it stops at the epoch with the least loss on the validation rows, and is what it was there."""

    name: Final = "mlp"
    library: Final = "scikit-learn"
    tasks: Final[frozenset[Task]] = frozenset(_LINKS)

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken."""
        require_accepted(self.name, params, ACCEPTED)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """Size of the network, and how fast it learns."""
        return {
            "hidden_layers": trial.suggest_int("hidden_layers", 1, 2),
            "hidden_units": trial.suggest_int("hidden_units", 8, 64, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "alpha": trial.suggest_float("alpha", 1e-6, 1e-1, log=True),
        }

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> LearnedLayers:
        """As many epochs as asked for, or fewer where validation says so; on one thread, for its bits."""
        task, labels = sample.task, sample.labels
        preparation, link = prepare(sample.rows), _LINKS[task]
        centre, scale = (labels.mean(), labels.std() or 1.0) if task == "regression" else (0.0, 1.0)
        inputs, targets = preparation.apply(sample.rows), (labels - centre) / scale
        network = _network(task, params, seed, len(labels))
        classes = {} if task == "regression" else {"classes": np.arange(max(2, sample.n_classes))}
        patience = int(params.get("early_stopping_epochs", _DEFAULT_PATIENCE))

        def as_learned(epochs: int) -> LearnedLayers:
            """The network as it is now."""
            kept = {name: value for name, value in params.items() if name not in _OWN_LOOP}
            return LearnedLayers(
                learner=self.name,
                params=kept | {"epochs": epochs},
                link=link,
                preparation=preparation,
                layers=_layers(network, centre, scale),
            )

        best, least = None, np.inf
        with threadpool_limits(limits=1):
            for epoch in range(1, int(params.get("epochs", _DEFAULT_EPOCHS)) + 1):
                network.partial_fit(inputs, targets, sample_weight=sample.weights, **classes)
                if validation is None:
                    continue
                learned = as_learned(epoch)
                loss = _loss(task, learned, validation)
                validation.report(epoch - 1, loss)
                if loss < least:
                    best, least = learned, loss
                elif best is None or epoch - int(best.params["epochs"]) >= patience:
                    break
        return best or as_learned(epoch)


def _network(task: Task, params: Params, seed: int, n_rows: int) -> Any:
    told = {**_DEFAULTS, **params}
    kind = MLPRegressor if task == "regression" else MLPClassifier
    return kind(
        hidden_layer_sizes=(int(told["hidden_units"]),) * int(told["hidden_layers"]),
        learning_rate_init=float(told["learning_rate"]),
        alpha=float(told["alpha"]),
        batch_size=min(int(told["batch_size"]), n_rows),
        random_state=seed,
    )


def _layers(network: Any, centre: float, scale: float) -> tuple[Layer, ...]:
    """Weights as they are now, copied; the last layer gives labels of their own size."""
    *hidden, last = zip(network.coefs_, network.intercepts_, strict=True)
    kept = [Layer(weights.copy(), biases.copy()) for weights, biases in hidden]
    return (*kept, Layer(last[0] * scale, last[1] * scale + centre))


def _loss(task: Task, learned: LearnedLayers, validation: Validation) -> float:
    scores = to_scores(learned.link, learned.raw(validation.rows))
    return mean_loss(task, validation.labels, scores, validation.weights)
