"""What the parameters of a network may be."""

from __future__ import annotations

import math
import re
from typing import Final

from features.errors import DomainError
from offline_training.conversion.convolution import POOLED, ImageShape
from offline_training.learners.learner import Params
from offline_training.learners.params import Accepted, Flag, Number, Text, Whole

NETWORK: Final[Params] = {
    "hidden_layers": 2,
    "hidden_units": 64,
    "batch_norm": True,
    "dropout": 0.2,
    "learning_rate": 3e-3,
    "weight_decay": 1e-4,
    "batch_size": 64,
    "epochs": 60,
    "early_stopping_epochs": 8,
    "plateau_epochs": 4,
    "rate_drops": "",
}
"""Defaults of every network; ``rate_drops`` that are stated take the place of ``plateau_epochs``."""

IMAGES: Final[Params] = {**NETWORK, "hidden_layers": 1, "image_shape": "", "filters": 16, "blocks": 2}
"""Defaults of those of images; no ``image_shape`` is a square of one channel, or of three."""

_IMAGE_SHAPE: Final = "model.yaml: params.image_shape"
_SHAPE_HINT: Final = 'write height x width x channels: "28x28x1"'


OF_NETWORKS: Final[Accepted] = {
    "hidden_layers": Whole(0, 16),
    "hidden_units": Whole(1, 4096),
    "batch_norm": Flag(),
    "dropout": Number(0.0, 1.0, most_open=True),
    "learning_rate": Number(1e-12, 10.0, most_open=True),
    "weight_decay": Number(0.0, 10.0, most_open=True),
    "batch_size": Whole(2),
    "epochs": Whole(1),
    "early_stopping_epochs": Whole(1),
    "plateau_epochs": Whole(1),
    "rate_drops": Text(),
}
"""What ``params`` of every network may set."""

OF_IMAGES: Final[Accepted] = {
    **OF_NETWORKS,
    "image_shape": Text(),
    "filters": Whole(1, 1024),
    "blocks": Whole(1, 8),
}
"""What those of images may set."""


def require_readable(params: Params) -> None:
    """DomainError for a text that says nothing."""
    rate_drops(params)
    stated_shape(params)


def rate_drops(params: Params) -> tuple[int, ...]:
    """Epochs after which the rate is halved, written ``8,12``."""
    text = params.get("rate_drops", "")
    if text == "":
        return ()
    numbers = str(text).split(",")
    if not all(re.fullmatch(r"\s*[1-9][0-9]{0,8}\s*", number) for number in numbers):
        raise DomainError("model.yaml: params.rate_drops", f"is {text!r}", 'write epochs, as in "8,12"')
    return tuple(sorted({int(number) for number in numbers}))


def stated_shape(params: Params) -> ImageShape | None:
    """Height, width and channels of an image, written ``28x28x1``; None where they are not stated."""
    text = params.get("image_shape", "")
    if text == "":
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})x([1-9]\d{0,3})", str(text))
    if found is None:
        raise DomainError(_IMAGE_SHAPE, f"is {text!r}", 'write height x width x channels: "28x28x1"')
    return ImageShape(*(int(number) for number in found.groups()))


def image_shape(params: Params, n_inputs: int) -> ImageShape:
    """The shape of so many inputs, which a stated one must fit; DomainError where there is none."""
    shape = stated_shape(params)
    if shape is None:
        squares = (ImageShape(math.isqrt(n_inputs // n), math.isqrt(n_inputs // n), n) for n in (1, 3))
        shape = next((square for square in squares if square.size == n_inputs), None)
        if shape is None:
            raise DomainError(
                _IMAGE_SHAPE,
                f"is missing: {n_inputs} inputs are no square picture",
                _SHAPE_HINT,
            )
    if shape.size != n_inputs:
        raise DomainError(
            _IMAGE_SHAPE,
            f"is {shape}, {shape.size} numbers; the model has {n_inputs} inputs",
            "correct it, or the features of the service",
        )
    return shape


def require_pools(shape: ImageShape, blocks: int) -> None:
    """DomainError where so many blocks leave nothing of a picture."""
    most = min(shape.height, shape.width).bit_length() - 1
    if blocks > most:
        raise DomainError(
            "model.yaml: params.blocks",
            f"is {blocks}, and each makes a picture of {shape} half as wide and high",
            f"write {most} or less" if most else f"an algorithm for pictures needs {POOLED} x {POOLED} pixels at least",
        )
