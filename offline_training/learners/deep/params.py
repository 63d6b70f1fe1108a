"""What the parameters of a network may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from features.errors import DomainError
from offline_training.conversion.convolution import POOLED, ImageShape
from offline_training.learners.learner import Params

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


class _Range(NamedTuple):
    kind: type
    least: float
    below: float = math.inf


_RANGES: Final[Mapping[str, _Range]] = {
    "hidden_layers": _Range(int, 0, 17),
    "hidden_units": _Range(int, 1, 4097),
    "dropout": _Range(float, 0.0, 1.0),
    "learning_rate": _Range(float, 1e-12, 10.0),
    "weight_decay": _Range(float, 0.0, 10.0),
    "batch_size": _Range(int, 2),
    "epochs": _Range(int, 1),
    "early_stopping_epochs": _Range(int, 1),
    "plateau_epochs": _Range(int, 1),
    "filters": _Range(int, 1, 1025),
    "blocks": _Range(int, 1, 9),
}


def require_in_range(params: Params) -> None:
    """DomainError for a value that cannot be meant."""
    for name, value in params.items():
        where = f"model.yaml: params.{name}"
        if name in _RANGES:
            kind, least, below = _RANGES[name]
            is_kind = isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
            if not is_kind or not least <= float(value) < below:
                number = "a whole number" if kind is int else "a number"
                limit = "" if below == math.inf else f", below {below:g}"
                raise DomainError(where, f"is {value!r}", f"write {number} from {least:g} on{limit}")
        elif name == "batch_norm" and not isinstance(value, bool):
            raise DomainError(where, f"is {value!r}", "write true or false")
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
