"""One epoch of a fit: every batch of rows moves the network down its loss."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from features.head import Task
from offline_training.learners.deep.architecture import Architecture
from offline_training.learners.deep.network import Array, Network, forward


class Descent(NamedTuple):
    """What an epoch depends on beside the rows and the network."""

    architecture: Architecture
    task: Task
    batch_size: int
    weight_decay: float


class Rows(NamedTuple):
    """Prepared inputs ``[n, k]``, targets and weights; of values, targets are standardised."""

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class Position(NamedTuple):
    """A network on its way, with what the optimiser remembers."""

    network: Network
    memory: Any


def begin_at(descent: Descent, network: Network) -> Position:
    """Before the first epoch."""
    return Position(network, _adam(descent.weight_decay).init(network.layers))


def run_epoch(
    descent: Descent, position: Position, rows: Rows, *, seed: int, epoch: int, learning_rate: float
) -> tuple[Position, float]:
    """Where a pass over all rows leads, in batches drawn by seed and epoch; and its mean loss.

    Batches are of one size, so those rows that are left over wait for another epoch.
    """
    draw = np.random.default_rng([seed, epoch])
    size = min(descent.batch_size, len(rows.targets))
    order = draw.permutation(len(rows.targets))
    losses: list[Array] = []
    for start in range(0, len(order) - size + 1, size):
        batch = Rows(*(column[order[start : start + size]] for column in rows))
        position, loss = _step(descent, position, batch, _kept(descent.architecture, size, draw), learning_rate)
        losses.append(loss)
    return position, float(np.mean(losses))


def _kept(architecture: Architecture, n_rows: int, draw: np.random.Generator) -> tuple[np.ndarray, ...]:
    """What dropout leaves of each dense hidden layer; what stays is raised, so that sums stay as large."""
    share = 1.0 - architecture.dropout
    return tuple((draw.random((n_rows, units)) < share) / share for units in architecture.units)


@partial(jax.jit, static_argnames="descent")
def _step(
    descent: Descent, position: Position, rows: Rows, kept: tuple[Array, ...], learning_rate: Array
) -> tuple[Position, Array]:
    def loss_of(layers: Any) -> tuple[Array, Any]:
        network = position.network._replace(layers=layers)
        outputs, moments = forward(descent.architecture, network, rows.inputs, kept)
        return jnp.mean(rows.weights * _losses(descent.task, outputs, rows.targets)), moments

    (loss, moments), slope = jax.value_and_grad(loss_of, has_aux=True)(position.network.layers)
    way, memory = _adam(descent.weight_decay).update(slope, position.memory, position.network.layers)
    layers = jax.tree.map(lambda value, step: value - learning_rate * step, position.network.layers, way)
    return Position(Network(layers, moments), memory), loss


def _adam(weight_decay: float) -> optax.GradientTransformation:
    """Adam with decoupled weight decay (AdamW), before the learning rate; biases and gains do not decay."""

    def is_decayed(layers: Any) -> Any:
        return tuple({name: name == "weights" for name in layer} for layer in layers)

    return optax.chain(optax.scale_by_adam(), optax.add_decayed_weights(weight_decay, is_decayed))


def _losses(task: Task, outputs: Array, targets: Array) -> Array:
    if task == "multiclass":
        return optax.softmax_cross_entropy_with_integer_labels(outputs, targets.astype(np.int32))
    if task == "binary":
        return optax.sigmoid_binary_cross_entropy(outputs[:, 0], targets)
    return optax.squared_error(outputs[:, 0], targets)
