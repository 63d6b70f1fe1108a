"""What honest people pay: by weekday, payday, hour and habit; with trips, sprees, sales, refusals and second tries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from payments import APPROVED, NO_FUNDS, WRONG_CODE, Payments
from town import CATEGORIES, CATEGORY, FAVOURITES, N_TOWNS, ONLINE, PAYDAYS, TERMINALS, Floats, Ints, Town

START: Final = datetime(2025, 3, 1, tzinfo=UTC)
N_DAYS: Final = 120
PER_CUSTOMER: Final = 41.0
"""Payments of an average customer in all that time."""


def honest_payments(chance: np.random.Generator, town: Town) -> Payments:
    """Everything that is no fraud."""
    usual = _usual(chance, town)
    return Payments.concat([usual, _sprees(chance, town), _sales(chance, town), _second_tries(chance, usual)])


def _usual(chance: np.random.Generator, town: Town) -> Payments:
    who = np.repeat(np.arange(town.n_customers), chance.poisson(PER_CUSTOMER * town.activity))
    days = _days(chance, town.payday[who])
    category = _by_rows(chance, town.leaning[who])
    return _pay(chance, town, who, days, category)


def _pay(chance: np.random.Generator, town: Town, who: Ints, days: Ints, category: Ints) -> Payments:
    """Complete payments of whom, on which day, of which kind."""
    n = len(who)
    at = days + _hours(chance, category) / 24.0
    merchant = _merchants(chance, town, who, days, category)
    online = town.place[merchant] == ONLINE
    gift = np.where(chance.random(n) < 0.02, chance.uniform(0.7, 1.8, n), 0.0)
    median = np.log([kind.median_eur for kind in CATEGORIES])[category]
    spread = np.array([kind.spread for kind in CATEGORIES])[category]
    log_eur = median + town.taste[who] + town.price[merchant] + gift + 0.8 * spread * chance.normal(size=n)
    cents = np.maximum(50, np.round(100 * np.exp(log_eur)))
    cents = np.where(online & (chance.random(n) < 0.5), np.maximum(99, cents // 100 * 100 - 1), cents)
    return Payments(
        at=at,
        customer=who,
        card=town.first_card[who] + _which_card(chance, town, who, online),
        merchant=merchant,
        device=_devices(chance, town, who, at, merchant, online),
        cents=cents.astype(np.int64),
        answer=_answers(chance, town, who, days, cents),
        fraud=np.zeros(n, dtype=bool),
    )


def _days(chance: np.random.Generator, payday: Ints) -> Ints:
    """Days on which customers pay: more at the end of the week, and in the week after their salary."""
    dates = [START + timedelta(days=day) for day in range(N_DAYS)]
    week = np.array([0.85, 0.88, 0.93, 1.0, 1.3, 1.35, 0.75])[[date.weekday() for date in dates]]
    days = np.zeros(len(payday), dtype=np.int64)
    for at, on in enumerate(PAYDAYS):
        since = np.array([(date.day - on) % 30 for date in dates])
        weight = week * (1.0 + 0.7 * np.exp(-since / 4.0))
        rows = np.flatnonzero(payday == at)
        days[rows] = chance.choice(N_DAYS, len(rows), p=weight / weight.sum())
    return days


def _hours(chance: np.random.Generator, category: Ints) -> Floats:
    """Hour of the day by the rhythm of the kind of shop; some at any hour."""
    peaks = np.array([kind.hours for kind in CATEGORIES])
    peak = peaks[category, chance.integers(0, peaks.shape[1], len(category))]
    hours = (peak + chance.normal(0.0, 2.0, len(category))) % 24.0
    return np.where(chance.random(len(category)) < 0.04, chance.uniform(0.0, 24.0, len(category)), hours)


def _merchants(chance: np.random.Generator, town: Town, who: Ints, days: Ints, category: Ints) -> Ints:
    """Mostly the favourites at home or online; strangers' shops on a trip."""
    n = len(who)
    kinds = np.arange(len(CATEGORIES))
    every_who, every_kind = np.repeat(np.arange(town.n_customers), len(kinds)), np.tile(kinds, town.n_customers)
    at_home = [town.pick(chance, every_kind, town.home[every_who]) for _ in range(FAVOURITES)]
    favourites = np.stack(at_home, axis=1).reshape(town.n_customers, len(kinds), FAVOURITES)
    trip_day, trip_town = (
        chance.uniform(0, 2.5 * N_DAYS, town.n_customers),
        chance.integers(0, N_TOWNS, town.n_customers),
    )
    away = (days >= trip_day[who]) & (days < trip_day[who] + 7)
    away |= chance.random(n) < 0.03
    place = np.where(away, trip_town[who], town.home[who])
    place = np.where(chance.random(n) < np.array([kind.online for kind in CATEGORIES])[category], ONLINE, place)
    fresh = town.pick(chance, category, place)
    fresh = np.where(fresh < 0, town.pick(chance, category, np.full(n, ONLINE)), fresh)
    loyal = favourites[who, category, chance.choice(FAVOURITES, n, p=(0.6, 0.28, 0.12))]
    keeps = ~away & (place != ONLINE) & (loyal >= 0) & (chance.random(n) < 0.75)
    chosen = np.where(keeps, loyal, fresh)
    return np.where(chosen < 0, CATEGORY["marketplace"], chosen)  # the first merchants are one of each kind, online


def _which_card(chance: np.random.Generator, town: Town, who: Ints, online: np.ndarray) -> Ints:
    """One card for most, another for most that is bought online, any at times."""
    preferred = np.where(online, town.n_cards[who] - 1, 0)
    anyone = (chance.random(len(who)) * town.n_cards[who]).astype(np.int64)
    return np.where(chance.random(len(who)) < 0.85, preferred, anyone)


def _devices(
    chance: np.random.Generator, town: Town, who: Ints, at: Floats, merchant: Ints, online: np.ndarray
) -> Ints:
    """A till in a shop; online the phone or the household's laptop, at times another's, or an order by telephone."""
    n = len(who)
    share = chance.random(n)
    friend = chance.integers(0, town.n_customers, n)
    own = np.where(share < 0.7, town.phone(who, at), town.laptop(who))
    own = np.where(share > 0.975, town.phone(friend, at), own)
    till = town.terminal(merchant, chance.integers(0, TERMINALS, n))
    return np.where(online & (share < 0.99), own, till)


def _answers(chance: np.random.Generator, town: Town, who: Ints, days: Ints, cents: Floats) -> Ints:
    """The bank's answers: large amounts before payday are refused more often; codes are mistyped at any time."""
    paid_on = np.array(PAYDAYS)[town.payday[who]]
    day_of_month = np.array([(START + timedelta(days=day)).day for day in range(N_DAYS)])[days]
    poor = ((day_of_month - paid_on) % 30) / 30.0
    refused = chance.random(len(who)) < 0.006 + 0.05 * poor**2 * np.minimum(1.0, cents / 10_000)
    mistyped = chance.random(len(who)) < 0.008
    return np.where(refused, NO_FUNDS, np.where(mistyped, WRONG_CODE, APPROVED))


def _second_tries(chance: np.random.Generator, first: Payments) -> Payments:
    """Most who are refused try once more within minutes; a mistyped code is then right, funds are not there."""
    again = first.take(np.flatnonzero((first.answer != APPROVED) & (chance.random(len(first.at)) < 0.6)))
    answer = np.where((again.answer == WRONG_CODE) | (chance.random(len(again.at)) < 0.2), APPROVED, again.answer)
    return again._replace(at=again.at + chance.uniform(15, 240, len(again.at)) / 86_400, answer=answer)


def _sprees(chance: np.random.Generator, town: Town) -> Payments:
    """An afternoon of shopping: several purchases of one customer within hours, as thieves make them too."""
    who = np.repeat(chance.integers(0, town.n_customers, max(2, town.n_customers // 8)), 5)
    kinds = np.array([CATEGORY[name] for name in ("fashion", "electronics", "marketplace", "restaurant")])
    days = np.repeat(chance.integers(0, N_DAYS, len(who) // 5), 5)
    bought = _pay(chance, town, who, days, chance.choice(kinds, len(who)))
    begin = np.repeat(days[::5] + chance.uniform(11, 20, len(who) // 5) / 24, 5)
    return bought._replace(at=begin + chance.uniform(0, 3.5, len(who)) / 24)


def _sales(chance: np.random.Generator, town: Town) -> Payments:
    """Tickets go on sale: many cards at one online shop within minutes, as in card testing, but each from its home."""
    n_sales, buyers = max(2, town.n_customers // 500), 45
    who = chance.integers(0, town.n_customers, n_sales * buyers)
    days = np.repeat(chance.integers(0, N_DAYS, n_sales), buyers)
    bought = _pay(chance, town, who, days, np.full(len(who), CATEGORY["digital"]))
    shops = np.flatnonzero((town.place == ONLINE) & np.isin(town.category, [CATEGORY["digital"], CATEGORY["travel"]]))
    merchant = np.repeat(chance.choice(shops, n_sales), buyers)
    begin = np.repeat(days[::buyers] + chance.integers(9, 20, n_sales) / 24, buyers)
    at = begin + chance.exponential(12, len(who)) / 1_440
    device = np.where(chance.random(len(who)) < 0.8, town.phone(who, at), town.laptop(who))
    return bought._replace(at=at, merchant=merchant, device=device)


def _by_rows(chance: np.random.Generator, weights: Floats) -> Ints:
    """A column for each row, drawn by the row's weights."""
    return np.minimum((np.cumsum(weights, axis=1) < chance.random((len(weights), 1))).sum(axis=1), weights.shape[1] - 1)
