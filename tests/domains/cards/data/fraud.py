"""What thieves pay: cards tested in bursts, stolen cards run dry, accounts taken over, wallets lost in town."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from habits import N_DAYS
from payments import APPROVED, NO_FUNDS, WRONG_CODE, Payments
from town import CATEGORY, ONLINE, TERMINALS, Floats, Ints, Town

CAMPAIGNS, RUNS, TAKEOVERS, LOST = 40, 330, 300, 330
"""How many of each there are among 300,000 events."""

N_OF_FULL: Final = 300_000
RESALE: Final = ("electronics", "gift_cards", "travel", "marketplace", "fashion")
"""What is bought with stolen cards: what can be sold again."""


class Theft(NamedTuple):
    """Whose card is used from when on, and by which device; one row a victim."""

    customer: Ints
    card: Ints
    begin: Floats
    device: Ints


def fraudulent_payments(chance: np.random.Generator, town: Town, n_events: int) -> Payments:
    """All fraud of the time; device numbers of thieves begin after those of the honest."""
    n = {name: max(3, round(number * n_events / N_OF_FULL)) for name, number in _NUMBERS.items()}
    devices = Devices(chance, town.first_stolen_device, pool=max(4, n["campaigns"]))
    tests, tested = _campaigns(chance, town, devices, n["campaigns"])
    runs = _thefts(chance, town, devices, n["runs"])
    stolen = Theft(*(np.concatenate(pair) for pair in zip(tested, runs, strict=True)))
    return Payments.concat(
        [
            tests,
            _runs(chance, town, stolen),
            _takeovers(chance, town, _thefts(chance, town, devices, n["takeovers"], fresh=True)),
            _lost_cards(chance, town, _thefts(chance, town, devices, n["lost"])),
        ]
    )


_NUMBERS: Final = {"campaigns": CAMPAIGNS, "runs": RUNS, "takeovers": TAKEOVERS, "lost": LOST}


class Devices:
    """Devices of thieves: a pool that is used again and again, and fresh ones."""

    def __init__(self, chance: np.random.Generator, first: int, pool: int) -> None:
        self._chance = chance
        self._first, self._pool = first, pool
        self._next = first + pool

    def draw(self, n: int, *, fresh: float) -> Ints:
        """A device for each of n; ``fresh`` is the share of those never seen before."""
        new = self._next + np.arange(n)
        self._next += n
        known = self._first + self._chance.integers(0, self._pool, n)
        return np.where(self._chance.random(n) < fresh, new, known)


def _thefts(chance: np.random.Generator, town: Town, devices: Devices, n: int, *, fresh: bool = False) -> Theft:
    customer = chance.integers(0, town.n_customers, n)
    card = town.first_card[customer] + (chance.random(n) * town.n_cards[customer]).astype(np.int64)
    return Theft(customer, card, _moments(chance, n), devices.draw(n, fresh=1.0 if fresh else 0.65))


def _moments(chance: np.random.Generator, n: int) -> Floats:
    """Any day; a third at night, the rest between morning and evening."""
    hours = np.where(chance.random(n) < 0.33, chance.uniform(0, 6, n), chance.uniform(8, 22, n))
    return chance.integers(0, N_DAYS, n) + hours / 24


def _campaigns(chance: np.random.Generator, town: Town, devices: Devices, n: int) -> tuple[Payments, Theft]:
    """Many cards tried with small amounts at one or two small shops; what was approved is used hours or days later."""
    shops = np.flatnonzero((town.place == ONLINE) & (town.popularity < np.median(town.popularity)))
    tests: list[Payments] = []
    for begin in _moments(chance, n):
        size = int(chance.integers(15, 60))
        customer = chance.integers(0, town.n_customers, size)
        answer = chance.choice([APPROVED, WRONG_CODE, NO_FUNDS], size, p=(0.45, 0.45, 0.1))
        tests.append(
            Payments(
                at=begin + np.sort(chance.uniform(0, chance.uniform(8, 60), size)) / 1_440,
                customer=customer,
                card=town.first_card[customer] + (chance.random(size) * town.n_cards[customer]).astype(np.int64),
                merchant=chance.choice(chance.choice(shops, 2), size, p=(0.8, 0.2)),
                device=chance.choice(devices.draw(int(chance.integers(1, 4)), fresh=0.5), size),
                cents=np.round(100 * chance.lognormal(0.5, 0.5, size)).clip(50).astype(np.int64),
                answer=answer,
                fraud=np.ones(size, dtype=bool),
            )
        )
    tried = Payments.concat(tests)
    good = tried.take(np.flatnonzero((tried.answer == APPROVED) & (chance.random(len(tried.at)) < 0.4)))
    later = good.at + chance.lognormal(np.log(0.6), 1.0, len(good.at))
    return tried, Theft(good.customer, good.card, later, devices.draw(len(later), fresh=0.6))


def _runs(chance: np.random.Generator, town: Town, thefts: Theft) -> Payments:
    """A stolen card is used online for what can be sold again, until it is refused."""
    rows, place = _several(chance, len(thefts.begin), 1, 7)
    n = len(rows)
    at = thefts.begin[rows] + place * chance.gamma(1.5, 0.4, n) / 24
    tired = chance.random(n) < np.minimum(0.6, 0.06 * (1 + place))
    return Payments(
        at=at,
        customer=thefts.customer[rows],
        card=thefts.card[rows],
        merchant=_resale(chance, town, n),
        device=thefts.device[rows],
        cents=_cents(chance, n, median_eur=95.0, spread=0.9),
        answer=np.where(tired, NO_FUNDS, APPROVED),
        fraud=np.ones(n, dtype=bool),
    )


def _takeovers(chance: np.random.Generator, town: Town, thefts: Theft) -> Payments:
    """A stranger's device enters an account and uses all its cards over a day or two, with amounts as usual."""
    rows, _ = _several(chance, len(thefts.begin), 1, 6)
    n, customer = len(rows), thefts.customer[rows]
    return Payments(
        at=thefts.begin[rows] + chance.exponential(0.6, n),
        customer=customer,
        card=town.first_card[customer] + (chance.random(n) * town.n_cards[customer]).astype(np.int64),
        merchant=_resale(chance, town, n),
        device=thefts.device[rows],
        cents=_cents(chance, n, median_eur=60.0, spread=0.8),
        answer=np.where(chance.random(n) < 0.06, NO_FUNDS, APPROVED),
        fraud=np.ones(n, dtype=bool),
    )


def _lost_cards(chance: np.random.Generator, town: Town, thefts: Theft) -> Payments:
    """A card found in the street pays small sums without a code in the shops around: hard to tell from its owner."""
    rows, place = _several(chance, len(thefts.begin), 1, 5)
    n, customer = len(rows), thefts.customer[rows]
    kinds = np.array([CATEGORY[name] for name in ("groceries", "restaurant", "transport", "fashion")])
    merchant = town.pick(chance, chance.choice(kinds, n), town.home[customer])
    merchant = np.where(merchant < 0, CATEGORY["marketplace"], merchant)
    return Payments(
        at=thefts.begin[rows] + place * chance.exponential(1.2, n) / 24,
        customer=customer,
        card=thefts.card[rows],
        merchant=merchant,
        device=town.terminal(merchant, chance.integers(0, TERMINALS, n)),
        cents=_cents(chance, n, median_eur=24.0, spread=0.5).clip(max=5_000),
        answer=np.where(chance.random(n) < 0.04, NO_FUNDS, APPROVED),
        fraud=np.ones(n, dtype=bool),
    )


def _several(chance: np.random.Generator, n: int, least: int, most: int) -> tuple[Ints, Ints]:
    """Each of n so many times: row numbers, and the how manieth time it is."""
    times = chance.integers(least, most, n)
    rows = np.repeat(np.arange(n), times)
    return rows, np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)


def _resale(chance: np.random.Generator, town: Town, n: int) -> Ints:
    kinds = np.array([CATEGORY[name] for name in RESALE])
    return town.pick(chance, chance.choice(kinds, n, p=(0.3, 0.15, 0.1, 0.3, 0.15)), np.full(n, ONLINE))


def _cents(chance: np.random.Generator, n: int, *, median_eur: float, spread: float) -> Ints:
    return np.round(100 * median_eur * chance.lognormal(0.0, spread, n)).clip(50).astype(np.int64)
