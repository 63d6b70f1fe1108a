"""What is derived from each card event, and what a payment is set against when it waits to be cleared.

The first functions compute columns of the topic (tags ``derive.<column>``), one record at a time; the others are
features of a request, one payment at a time. None is null.
"""

from __future__ import annotations

HOME_COUNTRY = "AT"
SMALL_EUR = 5.0
HOUR_US = 3_600_000_000


def approved_eur(bank_answer: str | None, amount_eur: float) -> float | None:
    """Amount of a payment that the bank approved; null for what was refused, and for charge-backs."""
    return amount_eur if bank_answer == "approved" else None


def refused(bank_answer: str | None) -> bool:
    """Whether the bank refused a payment."""
    return bank_answer is not None and bank_answer != "approved"


def authorised(event_kind: str) -> bool:
    """Whether this is a payment, approved or refused, and no charge-back."""
    return event_kind == "authorisation"


def charged_back(event_kind: str) -> bool:
    """Whether a customer has got the money of an earlier payment back."""
    return event_kind == "chargeback"


def bought_online(event_kind: str, entry_mode: str) -> bool:
    """Whether this is a payment without a card at hand."""
    return event_kind == "authorisation" and entry_mode == "ecommerce"


def bought_abroad(event_kind: str, merchant_country: str) -> bool:
    """Whether this is a payment to a merchant of another country."""
    return event_kind == "authorisation" and merchant_country != HOME_COUNTRY


def small(event_kind: str, amount_eur: float) -> bool:
    """Whether this is a payment of a few euros, as those who test a card make them."""
    return event_kind == "authorisation" and amount_eur < SMALL_EUR


def at_night(event_kind: str, happened_at: int) -> bool:
    """Whether this is a payment made between midnight and six, UTC."""
    return event_kind == "authorisation" and happened_at // HOUR_US % 24 < 6


def payment_eur(waiting_eur: float | None) -> float | None:
    """The amount itself."""
    return waiting_eur


def payment_is_online(waiting_online: bool | None) -> float | None:
    """Whether the payment that waits was made without a card at hand."""
    return None if waiting_online is None else float(waiting_online)


def eur_by_card_mean(waiting_eur: float | None, card_mean: float | None) -> float | None:
    """The amount as a multiple of what this card usually pays."""
    return None if waiting_eur is None or not card_mean else waiting_eur / card_mean


def eur_above_card_mean(waiting_eur: float | None, card_mean: float | None, card_std: float | None) -> float | None:
    """How many standard deviations the amount lies above the card's mean."""
    if waiting_eur is None or card_mean is None or not card_std:
        return None
    return (waiting_eur - card_mean) / card_std


def eur_by_merchant_median(waiting_eur: float | None, merchant_median_7d: float | None) -> float | None:
    """The amount as a multiple of what this merchant usually takes."""
    return None if waiting_eur is None or not merchant_median_7d else waiting_eur / merchant_median_7d


def merchant_refused_share(merchant_refused_6h: int | None, merchant_payments_6h: int | None) -> float | None:
    """Share of the merchant's payments that were refused since the last clearing: high where cards are tested."""
    return (
        None if merchant_refused_6h is None or not merchant_payments_6h else merchant_refused_6h / merchant_payments_6h
    )


def merchant_rush(merchant_payments_6h: int | None, merchant_payments_7d: int | None) -> float | None:
    """Payments since the last clearing as a multiple of the merchant's usual pace."""
    if merchant_payments_6h is None or not merchant_payments_7d:
        return None
    return merchant_payments_6h * 28.0 / merchant_payments_7d
