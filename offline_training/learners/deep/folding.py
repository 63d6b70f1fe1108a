"""A fitted network as stages of a graph: batch normalisation is but a factor and a shift of what stands before it."""

from __future__ import annotations

import numpy as np

from offline_training.conversion.convolution import Convolution
from offline_training.conversion.layers import Layer
from offline_training.conversion.stage import Stage
from offline_training.learners.deep.architecture import Architecture
from offline_training.learners.deep.network import EPSILON, Network


def fold(architecture: Architecture, network: Network) -> tuple[tuple[Stage, ...], Layer]:
    """Blocks and hidden layers, and the last layer."""
    running = iter(network.moments)
    hidden: list[Layer] = []
    for layer in network.layers[:-1]:
        weights, biases = layer["weights"].reshape(-1, layer["weights"].shape[-1]), layer["biases"]
        if architecture.batch_norm:
            moments = next(running)
            factors = layer["gains"] / np.sqrt(moments.variances + EPSILON)
            weights, biases = weights * factors, biases - moments.means * factors
        hidden.append(Layer(weights, biases))
    blocks = [Convolution(picture, *layer) for picture, layer in zip(architecture.pictures[:-1], hidden, strict=False)]
    last = network.layers[-1]
    return (*blocks, *hidden[len(blocks) :]), Layer(last["weights"], last["biases"])
