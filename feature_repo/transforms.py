"""Request-time features of a customer, none of which grows with the calendar.

A tree cannot order customers that are away longer than any in its training data; these ratios compare a customer's
silence with the customer's own rhythm instead. Each function is the feature of its name, each parameter a feature
or a field of the request; None is null.
"""

from __future__ import annotations

SECONDS_PER_DAY = 86_400.0


def recency_share_of_tenure(
    seconds_since_last_purchase: float | None, seconds_since_first_purchase: float | None
) -> float | None:
    """Part of the time since the first purchase that has passed since the last: 0 just bought, 1 bought once only."""
    if seconds_since_last_purchase is None or not seconds_since_first_purchase:
        return None
    return seconds_since_last_purchase / seconds_since_first_purchase


def purchases_per_day_of_tenure(purchases_ever: int | None, seconds_since_first_purchase: float | None) -> float | None:
    """How often the customer has bought, per day since the first purchase."""
    if purchases_ever is None or not seconds_since_first_purchase:
        return None
    return purchases_ever / (seconds_since_first_purchase / SECONDS_PER_DAY)


def silence_in_purchases(
    seconds_since_last_purchase: float | None, purchases_ever: int | None, seconds_since_first_purchase: float | None
) -> float | None:
    """How many purchases the customer would have made since the last one at the customer's own average pace."""
    if seconds_since_last_purchase is None or purchases_ever is None or not seconds_since_first_purchase:
        return None
    return seconds_since_last_purchase * purchases_ever / seconds_since_first_purchase
