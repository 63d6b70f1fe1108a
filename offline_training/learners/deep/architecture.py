"""What a network looks like, before any weight is known."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from offline_training.conversion.convolution import KERNEL, ImageShape


class Architecture(NamedTuple):
    """Blocks of convolution for an ``image``, then dense layers of so many ``units``, then the outputs.

    ``filters`` are the channels that each block leaves of a picture. A block is a convolution, and the largest of each
    2 x 2 places; behind it and each dense layer stand batch normalisation, where it is asked for, and a rectifier;
    behind each dense layer, dropout of this share.
    """

    n_inputs: int
    image: ImageShape | None
    filters: tuple[int, ...]
    units: tuple[int, ...]
    n_outputs: int
    batch_norm: bool
    dropout: float

    @property
    def pictures(self) -> tuple[ImageShape, ...]:
        """What each block takes, and last what the blocks leave; none without an image."""
        if self.image is None:
            return ()
        found = [self.image]
        for channels in self.filters:
            found.append(found[-1].pooled(channels))
        return tuple(found)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the weights of each layer: of a block ``[3, 3, channels, filters]``, else ``[inputs, outputs]``."""
        pictures = self.pictures
        blocks = [(KERNEL, KERNEL, picture.channels, n) for picture, n in zip(pictures[:-1], self.filters, strict=True)]
        widths = [pictures[-1].size if pictures else self.n_inputs, *self.units, self.n_outputs]
        return (*blocks, *pairwise(widths))
