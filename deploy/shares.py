"""Shares as people write them on a command line."""

from __future__ import annotations

from features.errors import RequestError


def parse_share(option: str, text: str) -> float:
    """A share from 0 to 1, written ``20%`` or ``0.2``; RequestError when it is neither.

    Examples
    --------
    >>> parse_share("--challenger", "12.5%"), parse_share("--challenger", "0.2")
    (0.125, 0.2)

    """
    number, percent, rest = text.partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if rest or not 0 <= share <= 1:
        raise RequestError(option, f"{text!r} is no share", "write 20% or 0.2, from 0% to 100%")
    return share
