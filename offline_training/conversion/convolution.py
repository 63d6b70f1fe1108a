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
        n_places = height * width
        inner = {what: f"{what}_{number}" for what in ("picture", "place", "beyond", "padded", "taken", "patches")}
        sizes = {what: f"{what}_{number}" for what in ("shape", "first", "nothing", "places", "patch_shape")}
        ends = {what: f"{what}_{number}" for what in ("corners", "pools", "pool_axis", "largest", "pooled")}
        moved = rectified(number, inner["patches"])
        node = helper.make_node
        nodes = [
            node("Reshape", [inputs, sizes["shape"]], [inner["picture"]]),
            node("Gather", [inner["picture"], sizes["first"]], [inner["place"]], axis=1),
            node("Mul", [inner["place"], sizes["nothing"]], [inner["beyond"]]),
            node("Concat", [inner["picture"], inner["beyond"]], [inner["padded"]], axis=1),
            node("Gather", [inner["padded"], sizes["places"]], [inner["taken"]], axis=1),
            node("Reshape", [inner["taken"], sizes["patch_shape"]], [inner["patches"]]),
            *moved.nodes,
            node("Gather", [moved.outputs, ends["corners"]], [ends["pools"]], axis=1),
            node("ReduceMax", [ends["pools"], ends["pool_axis"]], [ends["largest"]], keepdims=0),
            node("Flatten", [ends["largest"]], [ends["pooled"]], axis=1),
        ]
        constants = [
            whole_constant(sizes["shape"], [0, n_places, channels]),
            whole_constant(sizes["first"], [0]),
            constant(sizes["nothing"], [0.0]),
            whole_constant(sizes["places"], _patches(height, width)),
            whole_constant(sizes["patch_shape"], [0, n_places, KERNEL * KERNEL * channels]),
            constant(f"weights_{number}", self.weights),
            constant(f"biases_{number}", self.biases),
            whole_constant(ends["corners"], _pools(height, width)),
            whole_constant(ends["pool_axis"], [2]),
        ]
        return Drawn(nodes, constants, ends["pooled"])

    def ways(self, beyond: np.ndarray) -> np.ndarray:
        """Absolute weights on the ways through every patch and pool."""
        height, width, channels = self.shape
        n_filters, n_outputs = len(self.biases), beyond.shape[1]
        pools, places = _pools(height, width), _patches(height, width)
        unpooled = np.zeros((height * width, n_filters, n_outputs))
        unpooled[pools] = beyond.reshape(len(pools), 1, n_filters, n_outputs)
        weights = np.abs(self.weights).reshape(KERNEL * KERNEL, channels, n_filters)
        found = np.zeros((height * width + 1, channels, n_outputs))
        for tap in range(KERNEL * KERNEL):
            np.add.at(found, places[:, tap], np.einsum("cf,pfo->pco", weights[tap], unpooled))
        return found[:-1].reshape(self.shape.size, n_outputs)


def _patches(height: int, width: int) -> np.ndarray:
    """For each place the nine places of its patch; those outside of the picture are the one behind its last."""
    lines, columns = np.divmod(np.arange(height * width), width)
    away = np.arange(KERNEL) - KERNEL // 2
    line = lines[:, np.newaxis, np.newaxis] + away[:, np.newaxis]
    column = columns[:, np.newaxis, np.newaxis] + away
    inside = (line >= 0) & (line < height) & (column >= 0) & (column < width)
    return np.where(inside, line * width + column, height * width).reshape(height * width, KERNEL * KERNEL)


def _pools(height: int, width: int) -> np.ndarray:
    """For each place of the smaller picture those of the larger that it is the largest of."""
    lines, columns = np.arange(height // POOLED) * POOLED, np.arange(width // POOLED) * POOLED
    corners = (lines[:, np.newaxis] * width + columns).reshape(-1, 1)
    within = np.arange(POOLED)
    return np.asarray(corners + (within[:, np.newaxis] * width + within).reshape(1, -1))
