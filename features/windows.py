"""Where a sawtooth window begins, and how finely its tail is cut."""

from __future__ import annotations

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

HOPS_US = (
    SECOND_US,
    10 * SECOND_US,
    MINUTE_US,
    5 * MINUTE_US,
    15 * MINUTE_US,
    HOUR_US,
    6 * HOUR_US,
    DAY_US,
)
"""Hops that the engine chooses from where a declaration names none."""


def window_start_us(seen_at_us: int, length_us: int, hop_us: int) -> int:
    """First instant that a sawtooth window still covers.

    Parameters
    ----------
    seen_at_us, length_us, hop_us
        Microseconds; ``0 < hop_us <= length_us``.

    Returns
    -------
    int
        Microseconds, a multiple of ``hop_us``, at most ``seen_at_us - length_us``.

    Examples
    --------
    >>> window_start_us(1_000, 600, 250)
    250

    References
    ----------
    Airbnb Chronon, "Tiled architecture": a window's tail is rounded to a hop, its head is exact.

    """
    return (seen_at_us - length_us) // hop_us * hop_us


def default_hop_us(length_us: int) -> int:
    """Hop of a window whose declaration names none: the largest of `HOPS_US` that is at most a tenth of it.

    Parameters
    ----------
    length_us
        Microseconds, at least ten seconds.

    Returns
    -------
    int
        Microseconds.

    Raises
    ------
    ValueError
        The window is shorter than ten seconds, so no hop fits ten times.

    Examples
    --------
    >>> default_hop_us(30 * DAY_US) == DAY_US
    True
    >>> default_hop_us(HOUR_US) == 5 * MINUTE_US
    True

    """
    fitting = [hop_us for hop_us in HOPS_US if hop_us * 10 <= length_us]
    if not fitting:
        raise ValueError(f"a window of {length_us} µs is shorter than ten hops of one second")
    return fitting[-1]
