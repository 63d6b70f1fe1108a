"""Thresholds on doubles that decide as a library does which rounds its rows to float32 first."""

from __future__ import annotations

import math

import numpy as np

from features.errors import DomainError

LARGEST = float(np.finfo(np.float32).max)
"""Libraries refuse larger rows; they are given this instead, which no threshold lies above."""


def within_float32(rows: np.ndarray) -> np.ndarray:
    """Rows as such a library takes them: infinities and what float32 does not hold are its largest numbers."""
    return np.asarray(np.clip(rows, -LARGEST, LARGEST))


def at_most(threshold: float) -> float:
    """Largest double ``x`` with ``float32(x) <= threshold``.

    Examples
    --------
    >>> at_most(1.0), np.float32(at_most(1.0)) == 1.0, np.float32(math.nextafter(at_most(1.0), 2.0)) > 1.0
    (1.0000000596046448, True, True)

    """
    if math.isinf(threshold):
        return threshold
    if abs(threshold) >= LARGEST:
        raise DomainError("model", "splits at the end of float32", "bring its inputs into range")
    below = np.float32(threshold)
    if float(below) > threshold:
        below = np.nextafter(below, np.float32(-np.inf))
    above = np.nextafter(below, np.float32(np.inf))
    middle = (float(below) + float(above)) / 2  # exact, and rounded to the even one of both
    return middle if below.view(np.int32) % 2 == 0 else math.nextafter(middle, -math.inf)


def below(threshold: float) -> float:
    """Largest double ``x`` with ``float32(x) < threshold``, itself a float32."""
    return at_most(float(np.nextafter(np.float32(threshold), np.float32(-np.inf))))
