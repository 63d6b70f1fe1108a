"""What the parameters of an algorithm may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from features.errors import DomainError
from offline_training.learners.learner import Params


def require_known(learner: str, params: Params, known: Collection[str]) -> None:
    """DomainError for a parameter that an algorithm does not take: the engine sets it itself, or there is none."""
    for name in sorted(set(params) - set(known)):
        raise DomainError(
            f"model.yaml: params.{name}", f"is not accepted by {learner}", f"it takes {', '.join(sorted(known))}"
        )


def require_whole(params: Params, least: Mapping[str, int]) -> None:
    """DomainError for a parameter that is no whole number, or less than its ``least``."""
    for name in sorted(params.keys() & least.keys()):
        value = params[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < least[name]:
            raise DomainError(f"model.yaml: params.{name}", f"is {value}", f"say a whole number from {least[name]} on")


def shares(amounts: np.ndarray) -> np.ndarray:
    """Amounts in parts of their sum; as they are where that is zero."""
    amounts = np.asarray(amounts, dtype=np.float64)
    total = float(amounts.sum())
    return amounts / total if total else amounts
