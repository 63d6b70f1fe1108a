"""Instants as people write them on a command line."""

from __future__ import annotations

from datetime import UTC, datetime

from features.errors import RequestError


def parse_instant(option: str, text: str) -> datetime:
    """A date or date and time, in UTC unless it says otherwise; RequestError when it is neither."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(option, f"{text!r} is no instant", "write 1998-01-26 or 1998-01-26T12:00:00+00:00") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exact."""
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
