"""How the card writes what the run knows by numbers."""

from __future__ import annotations

from datetime import UTC, datetime

_US_A_DAY = 86_400_000_000
_US_A_SECOND = 1_000_000


def stated(text: str, key: str) -> str:
    """What the model file says, or that it says nothing."""
    return text.strip() or f"**Not stated**: `card.{key}` in `model.yaml` is empty."


def day(at_us: int) -> str:
    """An instant as its date."""
    return f"{datetime.fromtimestamp(at_us / _US_A_SECOND, UTC):%Y-%m-%d}"


def length(length_us: int) -> str:
    """A length of time."""
    if length_us % _US_A_DAY == 0:
        return f"{length_us // _US_A_DAY} days"
    return f"{length_us / _US_A_SECOND:,.0f} s"
