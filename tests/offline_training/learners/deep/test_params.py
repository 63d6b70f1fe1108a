"""What may stand under ``params`` of a network, and what the refusals say."""

from __future__ import annotations

import sys

import pytest

from features.errors import DomainError
from offline_training.conversion.convolution import ImageShape
from offline_training.learners import LEARNERS
from offline_training.learners.deep.params import IMAGES, NETWORK, image_shape, require_pools


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"hidden_layers": -1}, "hidden_layers: is -1; write a whole number from 0 to 16"),
        ({"hidden_units": 1.5}, "hidden_units: is 1.5; write a whole number"),
        ({"hidden_units": True}, "hidden_units: is True"),
        ({"dropout": 1.0}, "dropout: is 1.0; write a number from 0 on, below 1"),
        ({"learning_rate": "fast"}, "learning_rate: is 'fast'"),
        ({"learning_rate": float("nan")}, "learning_rate: is nan"),
        ({"batch_size": 1}, "batch_size: is 1; write a whole number from 2 on"),
        ({"epochs": 0}, "epochs: is 0"),
        ({"batch_norm": 1}, "batch_norm: is 1; write true or false"),
        ({"rate_drops": "8;12"}, "rate_drops: is '8;12'; write epochs"),
        ({"image_shape": "8 x 8"}, "image_shape: is '8 x 8'; write height x width x channels"),
        ({"blocks": 0}, "blocks: is 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(params: dict[str, object], says: str) -> None:
    """By name, with what to write."""
    with pytest.raises(DomainError) as refused:
        LEARNERS["cnn"].check(params)  # type: ignore[arg-type]  # as a file may have it
    assert f"model.yaml: params.{says}" in str(refused.value)


def test_the_defaults_are_accepted() -> None:
    """All of them, as a file may repeat them."""
    LEARNERS["deep_mlp"].check(NETWORK)
    LEARNERS["cnn"].check(IMAGES)
    LEARNERS["cnn"].check({"image_shape": "28x28x1", "rate_drops": "8, 12", "dropout": 0})


def test_a_square_picture_needs_no_shape() -> None:
    """Of one channel or three; any other states it, and it has to fit."""
    assert image_shape({}, 64) == ImageShape(8, 8, 1)
    assert image_shape({}, 3 * 32 * 32) == ImageShape(32, 32, 3)
    assert image_shape({"image_shape": "2x3x4"}, 24) == ImageShape(2, 3, 4)
    with pytest.raises(DomainError, match="is missing: 24 inputs are no square picture"):
        image_shape({}, 24)
    with pytest.raises(DomainError, match="is 2x3x4, 24 numbers; the model has 25 inputs"):
        image_shape({"image_shape": "2x3x4"}, 25)


def test_blocks_that_leave_nothing_of_a_picture_are_refused() -> None:
    """Each halves it."""
    require_pools(ImageShape(8, 9, 1), 3)
    with pytest.raises(DomainError, match=r"params\.blocks: is 4, .*; write 3 or less"):
        require_pools(ImageShape(8, 9, 1), 4)
    with pytest.raises(DomainError, match="2 x 2 pixels at least"):
        require_pools(ImageShape(1, 64, 1), 1)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the model file is read for a training."""
    monkeypatch.setitem(sys.modules, "optax", None)
    with pytest.raises(
        DomainError, match=r"cnn needs packages that are not installed; pip install 'millstream\[deep\]'"
    ):
        LEARNERS["cnn"].check({})
