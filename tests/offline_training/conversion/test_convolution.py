"""Convolution without ONNX's Conv, held against JAX, whose convolution shares no line with it."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.conversion.convolution import Convolution, ImageShape
from offline_training.conversion.layers import Layer, layers_to_onnx, ways_through
from offline_training.conversion.pixels import prepare_pixels
from offline_training.conversion.preparation import Preparation
from offline_training.learners.deep.architecture import Architecture
from offline_training.learners.deep.folding import fold
from offline_training.learners.deep.network import Moments, Network, begin, outputs_of
from offline_training.learners.deep.runtime import jax_in_double
from offline_training.proof import open_session, raw_scores

SHAPES = [ImageShape(4, 4, 1), ImageShape(5, 7, 3), ImageShape(2, 9, 2)]


def network_of(architecture: Architecture, seed: int = 2) -> Network:
    """With moments, gains and biases that are not those of a beginning."""
    draw = np.random.default_rng(seed)
    network = begin(architecture, seed)
    layers = tuple(
        {name: value + draw.normal(0, 0.1, value.shape) for name, value in of.items()} for of in network.layers
    )
    moments = tuple(
        Moments(draw.normal(size=len(of.means)), draw.uniform(0.5, 2.0, len(of.means))) for of in network.moments
    )
    return Network(layers, moments)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_it_is_the_networks_convolution(shape: ImageShape, batch_norm: bool) -> None:
    """Edges, odd sides, channels and batch normalisation; one picture alone has the bits that it has among many."""
    architecture = Architecture(shape.size, shape, (3,), (5,), 2, batch_norm, 0.5)
    network = network_of(architecture)
    pictures = np.random.default_rng(4).normal(size=(300, shape.size))
    pixels = prepare_pixels(pictures)
    with jax_in_double():
        expected = outputs_of(architecture, network, pixels.apply(pictures))
    session = open_session(layers_to_onnx(pixels, *fold(architecture, network)))
    found = raw_scores(session, pictures)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert raw_scores(session, pictures[7:8]).tobytes() == found[7:8].tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ways_are_counted_as_if_drawn_one_by_one(shape: ImageShape) -> None:
    """A pixel's sum is what an output gains, of positive weights, by a unit of that pixel at all its places at once."""
    draw = np.random.default_rng(1)
    weights = draw.uniform(0.1, 1.0, (9 * shape.channels, 2))
    stage = Convolution(shape, weights, np.zeros(2))
    beyond = draw.uniform(0.1, 1.0, (shape.pooled(2).size, 3))
    found = stage.ways(beyond)
    for pixel in range(shape.size):
        line, column, channel = np.unravel_index(pixel, shape)
        total = np.zeros(3)
        for of_line in range(shape.height // 2 * 2):
            for of_column in range(shape.width // 2 * 2):
                down, right = line - of_line + 1, column - of_column + 1
                if 0 <= down < 3 and 0 <= right < 3:
                    place = (of_line // 2) * (shape.width // 2) + of_column // 2
                    tap = weights[(down * 3 + right) * shape.channels + channel]
                    total += tap @ beyond.reshape(-1, 2, 3)[place]
        np.testing.assert_allclose(found[pixel], total)


def test_ways_go_through_all_stages() -> None:
    """Of layers, the product of absolute weights."""
    first, last = Layer(np.array([[1.0, -2.0]]), np.zeros(2)), Layer(np.array([[3.0], [-4.0]]), np.zeros(1))
    assert ways_through((first,), last).tolist() == [11.0]


def test_pixels_share_their_numbers() -> None:
    """An absent one reads as the mean; beyond the range and half as much again, all read alike."""
    rows = np.array([[0.0, 4.0], [8.0, np.nan], [np.inf, 4.0]])
    pixels = prepare_pixels(rows)
    assert (pixels.low, pixels.high, pixels.mean) == (-4.0, 12.0, 4.0)
    assert pixels.apply(np.array([[np.nan, 4.0]])).tolist() == [[0.0, 0.0]]
    assert pixels.apply(np.array([[np.inf, 12.0]]))[0, 0] == pixels.apply(np.array([[1e300, 12.0]]))[0, 1]
    assert not isinstance(pixels, Preparation)
    assert prepare_pixels(np.full((2, 3), np.nan)).apply(np.full((1, 3), 0.5)).tolist() == [[0.5, 0.5, 0.5]]
