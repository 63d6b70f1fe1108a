"""Lengths of time as people write them in declarations: ``90d``, ``36h``, ``15m``, ``10s``, ``250ms``."""

from __future__ import annotations

import re

UNITS_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_TEXT = re.compile(r"(\d+)(ms|s|m|h|d)")


def parse_duration_us(text: str) -> int:
    """Microseconds that a written length of time stands for.

    Parameters
    ----------
    text
        A whole number and one of the units ``ms``, ``s``, ``m``, ``h``, ``d``.

    Returns
    -------
    int
        Microseconds, at least 0.

    Raises
    ------
    ValueError
        The text is not of that form.

    Examples
    --------
    >>> parse_duration_us("90d")
    7776000000000

    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a length of time such as 90d, 36h, 15m, 10s or 250ms")
    return int(match[1]) * UNITS_US[match[2]]
