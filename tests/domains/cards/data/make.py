"""Make up four months of card payments and charge-backs, the same at each run: ``python data/make.py [N_EVENTS]``.

A bank's customers pay with one to four cards each, by habit, week and salary; thieves test cards, run them dry, take
over accounts and find wallets. Some days later most of the fraud, and a few honest payments, are charged back: that is
all that anybody learns of it. Nothing in the file says more than the bank knew at that moment.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fraud import fraudulent_payments
from habits import N_DAYS, START, honest_payments
from payments import ANSWERS, APPROVED, BLOCKED, Payments
from town import CATEGORIES, COUNTRIES, ONLINE, Town, build_town

HERE = Path(__file__).resolve().parent
SEED: Final = 20_250_301
N_EVENTS: Final = 300_000
DAY_US: Final = 86_400_000_000
START_US: Final = int(START.timestamp()) * 1_000_000
FIRST_AUTHORISATION: Final = 40_000_000_000
CHARGED_BACK, DISPUTED = 0.93, 0.0012
"""Shares of fraud that is noticed, and of honest payments online that are disputed all the same."""


def main(n_events: int = N_EVENTS) -> None:
    """Write ``card_events.parquet`` beside this file, of about that many events."""
    chance = np.random.default_rng(SEED)
    town = build_town(chance, n_events, N_DAYS)
    paid = Payments.concat([honest_payments(chance, town), fraudulent_payments(chance, town, n_events)])
    paid = paid.take(np.flatnonzero((paid.at >= 0) & (paid.at < N_DAYS)))
    paid = paid.take(np.argsort(paid.at, kind="stable"))
    paid = reissued(chance, town, paid)
    back = charged_back(chance, town, paid)
    table = to_table(chance, town, paid, *back)
    pq.write_table(table.sort_by("happened_at"), HERE / "card_events.parquet", compression="zstd")


def reissued(chance: np.random.Generator, town: Town, paid: Payments) -> Payments:
    """After fraud a card is blocked: thieves are refused, and its owner pays with a new one."""
    first_at = np.full(town.all_cards, np.inf)
    stolen = paid.fraud & (paid.answer == APPROVED)
    np.minimum.at(first_at, paid.card[stolen], paid.at[stolen])
    blocked_at = first_at + chance.lognormal(np.log(2.0), 0.8, town.all_cards)
    late = paid.at > blocked_at[paid.card]
    return paid._replace(
        card=np.where(late & ~paid.fraud, paid.card + town.all_cards, paid.card),
        answer=np.where(late & paid.fraud, BLOCKED, paid.answer),
    )


def charged_back(chance: np.random.Generator, town: Town, paid: Payments) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of payments that are charged back while we look, and when: days later, some weeks."""
    n = len(paid.at)
    online = town.place[paid.merchant] == ONLINE
    share = np.where(paid.fraud, CHARGED_BACK, np.where(online, DISPUTED, 0.0))
    back_at = paid.at + 1.0 + chance.lognormal(np.log(4.0), 0.7, n)
    rows = np.flatnonzero((paid.answer == APPROVED) & (chance.random(n) < share) & (back_at < N_DAYS))
    return rows, back_at[rows]


def to_table(
    chance: np.random.Generator, town: Town, paid: Payments, rows: np.ndarray, back_at: np.ndarray
) -> pa.Table:
    """Payments, then charge-backs, in the columns that the topic declares."""
    both = Payments.concat([paid, paid.take(rows)._replace(at=back_at)])
    n_paid, n = len(paid.at), len(both.at)
    is_back = np.arange(n) >= n_paid
    numbers = np.concatenate([np.arange(n_paid), rows])
    online = town.place[both.merchant] == ONLINE
    tapped = chance.random(n_paid)[numbers] < np.where(both.cents <= 5_000, 0.85, 0.2)
    entry = np.where(online, "ecommerce", np.where(tapped, "contactless", "chip"))
    at_us = START_US + (both.at * DAY_US).astype(np.int64)
    answers = np.array(ANSWERS)[both.answer]
    return pa.table(
        {
            "event_kind": pa.array(np.where(is_back, "chargeback", "authorisation")),
            "happened_at": pa.array(at_us, pa.timestamp("us", tz="UTC")),
            "authorisation_id": pa.array(FIRST_AUTHORISATION + numbers, pa.int64()),
            "customer_id": names(chance, "C", both.customer, town.n_customers),
            "card_token": names(chance, "K", both.card, 2 * town.all_cards),
            "merchant_id": names(chance, "M", both.merchant, len(town.category)),
            "device_id": names(chance, "D", both.device, int(both.device.max()) + 1),
            "amount_eur": pa.array(both.cents / 100, pa.float64()),
            "merchant_category": pa.array(np.array([kind.name for kind in CATEGORIES])[town.category[both.merchant]]),
            "merchant_country": pa.array(np.array(COUNTRIES)[town.country[town.place[both.merchant]]]),
            "entry_mode": pa.array(entry),
            "bank_answer": pa.array(answers, pa.string(), mask=is_back),
        }
    )


def names(chance: np.random.Generator, letter: str, numbers: np.ndarray, n: int) -> pa.Array[Any]:
    """Names for numbers, in an order that tells nothing."""
    return pa.array([f"{letter}{name:06}" for name in chance.permutation(n)]).take(pa.array(numbers))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
