"""Networks as learners: a multi-layer perceptron of any inputs, and one with convolutions before it, of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec
import numpy as np

from features.head import Link, Task, to_scores
from offline_training.conversion.pixels import Pixels, prepare_pixels
from offline_training.conversion.preparation import Preparation, prepare
from offline_training.learners.deep.architecture import Architecture
from offline_training.learners.deep.params import (
    IMAGES,
    NETWORK,
    OF_IMAGES,
    OF_NETWORKS,
    image_shape,
    rate_drops,
    require_pools,
    require_readable,
)
from offline_training.learners.deep.runtime import jax_in_double, require_extra
from offline_training.learners.learner import Keep, Params, Sample, Trial, Validation
from offline_training.learners.params import Accepted, require_accepted
from offline_training.loss import mean_loss

if TYPE_CHECKING:
    from offline_training.learners.deep.fitting import Loss, Schedule, Traces
    from offline_training.learners.deep.learned_network import LearnedNetwork
    from offline_training.learners.deep.network import Network

_LINKS: Final[Mapping[Task, Link]] = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}
_HASH_DIGITS: Final = 12
_CHOSEN: Final = frozenset({"epochs", "early_stopping_epochs", "plateau_epochs", "rate_drops"})
"""What a fit with validation decides, so that a refit need not."""


@dataclass(frozen=True)
class DeepMlp:
    """Dense layers with batch normalisation and dropout; it stops where the loss on the validation rows is least."""

    keep: Keep | None = None

    name: ClassVar[str] = "deep_mlp"
    library: ClassVar[str] = "jax"
    tasks: ClassVar[frozenset[Task]] = frozenset(_LINKS)
    defaults: ClassVar[Params] = NETWORK
    accepted: ClassVar[Accepted] = OF_NETWORKS

    def kept(self, keep: Keep) -> DeepMlp:
        """The same, which leaves what it has done, and goes on from there."""
        return replace(self, keep=keep)

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken, and where the extra is not installed."""
        require_accepted(self.name, params, self.accepted)
        require_readable(params)
        require_extra(self.name)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """Size of the network, what holds it small, and how fast it learns."""
        return {
            "hidden_layers": trial.suggest_int("hidden_layers", 1, 3),
            "hidden_units": trial.suggest_int("hidden_units", 16, 256, log=True),
            **_how_it_learns(trial),
        }

    def design(self, params: Params, rows: np.ndarray) -> tuple[Preparation | Pixels, Architecture]:
        """What the rows are made into, and the network for it, whose outputs are not counted yet."""
        preparation = prepare(rows)
        n_inputs = len(preparation.owners)
        return preparation, Architecture(n_inputs, None, (), _units(params), 1, *_regularised(params))

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> LearnedNetwork:
        """As many epochs as asked for, or fewer where validation says so."""
        require_extra(self.name)
        from offline_training.learners.deep.descent import Descent, Rows
        from offline_training.learners.deep.fitting import Watch, fit_network
        from offline_training.learners.deep.learned_network import LearnedNetwork
        from offline_training.learners.deep.network import begin

        told = {**self.defaults, **params}
        task, labels, weights = sample.task, sample.labels, sample.weights
        preparation, architecture = self.design(told, sample.rows)
        architecture = architecture._replace(n_outputs=sample.n_classes if task == "multiclass" else 1)
        inputs = preparation.apply(sample.rows)
        centre, scale = (float(labels.mean()), float(labels.std()) or 1.0) if task == "regression" else (0.0, 1.0)
        counted = np.ones(len(labels)) if weights is None else weights / weights.mean()
        unfitted = LearnedNetwork(
            learner=self.name,
            params=params,
            link=_LINKS[task],
            preparation=preparation,
            architecture=architecture,
            network=begin(architecture, seed),
            spreads=inputs.std(axis=0),
            centre=centre,
            scale=scale,
        )
        with jax_in_double():
            found = fit_network(
                unfitted.network,
                Descent(architecture, task, int(told["batch_size"]), float(told["weight_decay"])),
                _schedule(told, seed),
                Rows(inputs, (labels - centre) / scale, counted),
                watch=None if validation is None else Watch(_loss_on(validation, task, unfitted), validation.report),
                traces=self._traces(sample, params, seed, validation),
            )
        kept = {name: value for name, value in params.items() if name not in _CHOSEN}
        drops = {"rate_drops": ",".join(map(str, found.drops))} if found.drops else {}
        return replace(unfitted, network=found.network, params={**kept, "epochs": found.epochs, **drops})

    def _traces(self, sample: Sample, params: Params, seed: int, validation: Validation | None) -> Traces:
        """Of this very fit: the same rows, parameters and seed find them again."""
        from offline_training.learners.deep.fitting import Traces

        if self.keep is None:
            return Traces()
        told = [self.name, sample.task, sample.n_classes, dict(params), seed]
        digest = hashlib.sha256(msgspec.json.encode(told, order="deterministic"))
        held = () if validation is None else (validation.rows, validation.labels, validation.weights)
        for column in (sample.rows, sample.labels, sample.weights, *held):
            digest.update(b"-" if column is None else np.ascontiguousarray(column, dtype=np.float64).tobytes())
        name = f"{len(sample.rows)}_rows_{digest.hexdigest()[:_HASH_DIGITS]}"
        return Traces(self.keep.checkpoints / f"{name}.npz", self.keep.event_logs / name, self.keep.progress)


class Cnn(DeepMlp):
    """Blocks of convolution before the dense layers, for pictures; a row is one picture, pixel by pixel."""

    name: ClassVar[str] = "cnn"
    defaults: ClassVar[Params] = IMAGES
    accepted: ClassVar[Accepted] = OF_IMAGES
    of_inputs: ClassVar[frozenset[str]] = frozenset({"image_shape", "blocks"})

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """Size of the network, what holds it small, and how fast it learns."""
        return {
            "filters": trial.suggest_int("filters", 8, 32, log=True),
            "hidden_units": trial.suggest_int("hidden_units", 16, 128, log=True),
            **_how_it_learns(trial),
        }

    def design(self, params: Params, rows: np.ndarray) -> tuple[Preparation | Pixels, Architecture]:
        """Each block has twice the filters of the one before, and half its width and height."""
        shape, blocks = image_shape(params, rows.shape[1]), int(params["blocks"])
        require_pools(shape, blocks)
        filters = tuple(int(params["filters"]) << block for block in range(blocks))
        return prepare_pixels(rows), Architecture(shape.size, shape, filters, _units(params), 1, *_regularised(params))


def _how_it_learns(trial: Trial) -> Params:
    return {
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
    }


def _units(params: Params) -> tuple[int, ...]:
    return (int(params["hidden_units"]),) * int(params["hidden_layers"])


def _regularised(params: Params) -> tuple[bool, float]:
    return bool(params["batch_norm"]), float(params["dropout"])


def _loss_on(rows: Validation, task: Task, unfitted: LearnedNetwork) -> Loss:
    def loss_of(network: Network) -> float:
        scores = to_scores(unfitted.link, replace(unfitted, network=network).raw(rows.rows))
        return mean_loss(task, rows.labels, scores, rows.weights)

    return loss_of


def _schedule(params: Params, seed: int) -> Schedule:
    from offline_training.learners.deep.fitting import Schedule

    return Schedule(
        seed=seed,
        epochs=int(params["epochs"]),
        learning_rate=float(params["learning_rate"]),
        patience=int(params["early_stopping_epochs"]),
        plateau_epochs=int(params["plateau_epochs"]),
        drops=rate_drops(params),
    )
