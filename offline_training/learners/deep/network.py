"""A network of JAX: what it gives for rows, in training and afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Final, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from offline_training.conversion.convolution import POOLED
from offline_training.learners.deep.architecture import Architecture

Array: TypeAlias = Any
"""JAX's or numpy's: a network that is kept is of the latter."""

EPSILON: Final = 1e-5
"""Added to each variance before its root is divided by."""

_MEMORY: Final = 0.9
"""Share of the running moments that a batch leaves as they are."""

_ROWS: Final = 256
"""Rows that are scored at a time: one shape, compiled once."""


class Moments(NamedTuple):
    """Mean and variance of what comes out of a layer, one entry a channel."""

    means: Array
    variances: Array


class Network(NamedTuple):
    """Of each layer ``weights`` and ``biases``, and ``gains`` where it is normalised; and the running moments."""

    layers: tuple[Mapping[str, Array], ...]
    moments: tuple[Moments, ...]


def begin(architecture: Architecture, seed: int) -> Network:
    """Weights drawn as He has it for rectifiers: the outputs of each layer vary as its inputs do."""
    draw = np.random.default_rng(seed)
    layers: list[Mapping[str, Array]] = []
    moments: list[Moments] = []
    for number, shape in enumerate(architecture.shapes):
        n_outputs, is_last = shape[-1], number == len(architecture.shapes) - 1
        weights = draw.normal(0.0, np.sqrt(2.0 / prod(shape[:-1])), shape)
        layer = {"weights": weights, "biases": np.zeros(n_outputs)}
        if architecture.batch_norm and not is_last:
            layer["gains"] = np.ones(n_outputs)
            moments.append(Moments(np.zeros(n_outputs), np.ones(n_outputs)))
        layers.append(layer)
    return Network(tuple(layers), tuple(moments))


def forward(
    architecture: Architecture, network: Network, inputs: Array, kept: Sequence[Array] | None = None
) -> tuple[Array, tuple[Moments, ...]]:
    """Outputs ``[n, outputs]``, and the running moments after these rows.

    In training ``kept`` says of each dense hidden layer what dropout leaves of it ``[n, units]``, and a layer is
    normalised by the moments of the rows themselves; None is afterwards: by the running ones.
    """
    running, after = iter(network.moments), list[Moments]()
    found = inputs
    if architecture.image is not None:
        found = found.reshape(-1, *architecture.image)
    for number, layer in enumerate(network.layers[:-1]):
        is_block = number < len(architecture.filters)
        found = _convolved(found, layer["weights"]) if is_block else _flat(found) @ layer["weights"]
        if architecture.batch_norm:
            moments, moved = _moments(found, next(running), in_training=kept is not None)
            after.append(moved)
            found = (found - moments.means) / jnp.sqrt(moments.variances + EPSILON) * layer["gains"]
        found = jax.nn.relu(found + layer["biases"])
        if is_block:
            found = _pooled(found)
        elif kept is not None:
            found = found * kept[number - len(architecture.filters)]
    last = network.layers[-1]
    return _flat(found) @ last["weights"] + last["biases"], tuple(after)


def outputs_of(architecture: Architecture, network: Network, inputs: np.ndarray) -> np.ndarray:
    """Outputs ``[n, outputs]`` of a fitted network for any number of rows."""
    found = np.empty((len(inputs), architecture.n_outputs))
    for start in range(0, len(inputs), _ROWS):
        some = inputs[start : start + _ROWS]
        padded = np.zeros((_ROWS, architecture.n_inputs))
        padded[: len(some)] = some
        found[start : start + _ROWS] = np.asarray(_forward_rows(architecture, network, padded))[: len(some)]
    return found


@partial(jax.jit, static_argnames="architecture")
def _forward_rows(architecture: Architecture, network: Network, inputs: Array) -> Array:
    return forward(architecture, network, inputs)[0]


def _moments(found: Array, running: Moments, *, in_training: bool) -> tuple[Moments, Moments]:
    """Those to normalise by, and the running ones afterwards."""
    if not in_training:
        return running, running
    axes = tuple(range(found.ndim - 1))
    own = Moments(found.mean(axes), found.var(axes))
    moved = (_MEMORY * old + (1.0 - _MEMORY) * new for old, new in zip(running, own, strict=True))
    return own, Moments(*moved)


def _flat(found: Array) -> Array:
    return found.reshape(len(found), -1)


def _convolved(pictures: Array, weights: Array) -> Array:
    """Of pictures ``[n, height, width, channels]``; beyond their edges all is zero."""
    return jax.lax.conv_general_dilated(
        pictures, weights, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
    )


def _pooled(pictures: Array) -> Array:
    """The largest of each 2 x 2 places."""
    window = (1, POOLED, POOLED, 1)
    return jax.lax.reduce_window(pictures, -jnp.inf, jax.lax.max, window, window, "VALID")
