"""A fitted model with something before or behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.head import Link
from offline_training.learners.learner import Learned, Params


@dataclass(frozen=True)
class Wrapped:
    """What a `Learned` says of itself where it is another one and what is around it."""

    model: Learned

    @property
    def learner(self) -> str:
        """Of the model."""
        return self.model.learner

    @property
    def params(self) -> Params:
        """Of the model."""
        return self.model.params

    @property
    def link(self) -> Link:
        """Of the model."""
        return self.model.link

    @property
    def importance(self) -> np.ndarray:
        """Of the model."""
        return self.model.importance
