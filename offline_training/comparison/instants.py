"""Instants of records, as reports tell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_instant(at_us: int) -> datetime:
    """Of microseconds."""
    return _EPOCH + timedelta(microseconds=at_us)
