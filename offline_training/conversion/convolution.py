"""A block of convolution as ONNX in double, for which ONNX Runtime has no Conv: gathered patches times weights."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from onnx import helper

from offline_training.conversion.constants import constant, whole_constant
from offline_training.conversion.stage import Drawn, rectified

KERNEL: Final = 3
"""Pixels that a patch is wide and high."""

POOLED: Final = 2
"""Pixels of each direction that become one, the largest."""


class ImageShape(NamedTuple):
    """Of rows that hold a picture pixel by pixel, line by line; a pixel's channels lie side by side."""

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Numbers of a picture."""
        return self.height * self.width * self.channels

    def pooled(self, channels: int) -> ImageShape:
        """What a block of so many filters leaves; an odd last line or column is left out."""
        return ImageShape(self.height // POOLED, self.width // POOLED, channels)

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


class Convolution(NamedTuple):
    """Weights ``[3 * 3 * channels, filters]`` on every patch, a rectifier, and the largest of each 2 x 2 places.

    Beyond the edges all is zero, so that a picture keeps its size until it is pooled.
    """

    shape: ImageShape
    weights: np.ndarray
    biases: np.ndarray

    def drawn(self, number: int, inputs: str) -> Drawn:
        """From flat pictures to flat pictures."""
        height, width, channels = self.shape
        named = {what: f"{what}_{number}" for what in ("picture", "taken", "masked", "patches", "pools", "largest")}
        indices = {what: f"{what}_{number}" for what in ("shape", "places", "inside", "patch_shape", "corners")}
        moved = rectified(number, named["patches"])
        outputs = f"pooled_{number}"
        places, inside = _patches(height, width)
        node = helper.make_node
        nodes = [
            node("Reshape", [inputs, indices["shape"]], [named["picture"]]),
            node("Gather", [named["picture"], indices["places"]], [named["taken"]], axis=1),
            node("Mul", [named["taken"], indices["inside"]], [named["masked"]]),
            node("Reshape", [named["masked"], indices["patch_shape"]], [named["patches"]]),
            *moved.nodes,
            node("Gather", [moved.outputs, indices["corners"]], [named["pools"]], axis=1),
            node("ReduceMax", [named["pools"], f"pool_axis_{number}"], [named["largest"]], keepdims=0),
            node("Flatten", [named["largest"]], [outputs], axis=1),
        ]
        constants = [
            whole_constant(indices["shape"], [0, height * width, channels]),
            whole_constant(indices["places"], places),
            constant(indices["inside"], inside[:, :, np.newaxis]),
            whole_constant(indices["patch_shape"], [0, height * width, KERNEL * KERNEL * channels]),
            constant(f"weights_{number}", self.weights),
            constant(f"biases_{number}", self.biases),
            whole_constant(indices["corners"], _pools(height, width)),
            whole_constant(f"pool_axis_{number}", [2]),
        ]
        return Drawn(nodes, constants, outputs)

    def ways(self, beyond: np.ndarray) -> np.ndarray:
        """Absolute weights on the ways through every patch and pool."""
        height, width, channels = self.shape
        n_filters, n_outputs = len(self.biases), beyond.shape[1]
        pools, (places, inside) = _pools(height, width), _patches(height, width)
        unpooled = np.zeros((height * width, n_filters, n_outputs))
        unpooled[pools] = beyond.reshape(len(pools), 1, n_filters, n_outputs)
        weights = np.abs(self.weights).reshape(KERNEL * KERNEL, channels, n_filters)
        found = np.zeros((height * width, channels, n_outputs))
        for tap in range(KERNEL * KERNEL):
            through = np.einsum("cf,pfo->pco", weights[tap], unpooled) * inside[:, tap, np.newaxis, np.newaxis]
            np.add.at(found, places[:, tap], through)
        return found.reshape(self.shape.size, n_outputs)


def _patches(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """For each place the nine places of its patch, and 1.0 for those that lie inside the picture."""
    lines, columns = np.divmod(np.arange(height * width), width)
    away = np.arange(KERNEL) - KERNEL // 2
    line = lines[:, np.newaxis, np.newaxis] + away[:, np.newaxis]
    column = columns[:, np.newaxis, np.newaxis] + away
    inside = (line >= 0) & (line < height) & (column >= 0) & (column < width)
    places = np.clip(line, 0, height - 1) * width + np.clip(column, 0, width - 1)
    flat = (height * width, KERNEL * KERNEL)
    return np.broadcast_to(places, inside.shape).reshape(flat), inside.reshape(flat).astype(np.float64)


def _pools(height: int, width: int) -> np.ndarray:
    """For each place of the smaller picture those of the larger that it is the largest of."""
    lines, columns = np.arange(height // POOLED) * POOLED, np.arange(width // POOLED) * POOLED
    corners = (lines[:, np.newaxis] * width + columns).reshape(-1, 1)
    within = np.arange(POOLED)
    return np.asarray(corners + (within[:, np.newaxis] * width + within).reshape(1, -1))
