"""The demo's calendar: history until the training, then day by day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)


def slices(
    train_at: datetime, score_at: Sequence[datetime], last: datetime
) -> Iterator[tuple[datetime, datetime, bool]]:
    """``(from, until, ask)``: one slice a day from the training to the last event, cut anew where scores are asked."""
    asked = sorted(instant for instant in score_at if instant > train_at)
    begin = train_at
    while begin <= last or asked:
        end = datetime(begin.year, begin.month, begin.day, tzinfo=UTC) + DAY
        if asked:
            end = min(end, asked[0])
        ask = bool(asked) and end == asked[0]
        if ask:
            asked.pop(0)
        yield begin, end, ask
        begin = end
