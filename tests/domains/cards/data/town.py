"""Who lives where, with which cards and devices, and which merchants there are: drawn once, before anybody pays."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

Ints = np.ndarray
Floats = np.ndarray


class Category(NamedTuple):
    """A kind of merchant: share of payments, median amount, its spread, hours of the day, share of online shops."""

    name: str
    share: float
    median_eur: float
    spread: float
    hours: tuple[float, ...]
    online: float


CATEGORIES: Final = (
    Category("groceries", 0.30, 24.0, 0.7, (11.0, 18.0), 0.03),
    Category("restaurant", 0.16, 19.0, 0.6, (12.5, 19.5), 0.12),
    Category("transport", 0.12, 4.5, 0.6, (8.0, 17.5), 0.25),
    Category("fuel", 0.07, 52.0, 0.35, (7.5, 17.0), 0.0),
    Category("pharmacy", 0.06, 14.0, 0.6, (10.5, 16.0), 0.1),
    Category("fashion", 0.07, 48.0, 0.7, (15.0, 20.5), 0.45),
    Category("electronics", 0.035, 110.0, 0.9, (14.0, 20.0), 0.6),
    Category("travel", 0.02, 190.0, 0.8, (12.0, 20.5), 0.9),
    Category("digital", 0.10, 8.0, 0.6, (17.0, 21.5), 1.0),
    Category("marketplace", 0.06, 32.0, 0.8, (13.0, 21.0), 1.0),
    Category("gift_cards", 0.005, 30.0, 0.6, (13.0, 20.0), 1.0),
)
CATEGORY: Final = {category.name: at for at, category in enumerate(CATEGORIES)}
COUNTRIES: Final = ("AT", "DE", "CZ", "IT", "HU")
N_TOWNS: Final = 24
ONLINE: Final = N_TOWNS
"""The place of shops that have no town."""

HOME_TOWNS: Final = 14
"""The bank's customers live in the first towns, all of them in the first country."""

PAYDAYS: Final = (1, 15, 25, 28)
FAVOURITES: Final = 3
TERMINALS: Final = 3
CARDS_MOST: Final = 4


class Town(NamedTuple):
    """All that stands still. Devices are numbered: first phones, second phones, household laptops, terminals."""

    # by customer
    home: Ints
    household: Ints
    payday: Ints
    activity: Floats
    taste: Floats
    leaning: Floats  # [customer, category], rows add up to 1
    first_card: Ints
    n_cards: Ints
    new_phone_day: Floats
    # by merchant
    category: Ints
    place: Ints
    price: Floats
    popularity: Floats
    # by place
    country: Ints

    @property
    def n_customers(self) -> int:
        """How many people."""
        return len(self.home)

    @property
    def all_cards(self) -> int:
        """How many cards before any is issued anew."""
        return int(self.n_cards.sum())

    def phone(self, who: Ints, day: Floats) -> Ints:
        """The phone that customers have on a day."""
        return who + self.n_customers * (day >= self.new_phone_day[who])

    def laptop(self, who: Ints) -> Ints:
        """The laptop that a household shares."""
        return 2 * self.n_customers + self.household[who]

    def terminal(self, merchant: Ints, number: Ints) -> Ints:
        """A till of a merchant; of an online shop, the desk that takes orders by telephone."""
        return 3 * self.n_customers + TERMINALS * merchant + number

    @property
    def first_stolen_device(self) -> int:
        """Number after the last device of the honest."""
        return 3 * self.n_customers + TERMINALS * len(self.category)

    def pick(self, chance: np.random.Generator, category: Ints, place: Ints) -> Ints:
        """A merchant for each pair of category and place, popular ones more often; -1 where there is none."""
        chosen = np.full(len(category), -1)
        group = category * (N_TOWNS + 1) + place
        order = np.argsort(group, kind="stable")
        edges = np.flatnonzero(np.diff(group[order], prepend=-1, append=-1))
        for begin, end in pairwise(edges):
            rows = order[begin:end]
            there = np.flatnonzero((self.category == category[rows[0]]) & (self.place == place[rows[0]]))
            if len(there):
                weight = self.popularity[there] / self.popularity[there].sum()
                chosen[rows] = chance.choice(there, len(rows), p=weight)
        return chosen


def build_town(chance: np.random.Generator, n_events: int, n_days: int) -> Town:
    """Draw people and merchants for about that many payments."""
    n_customers = max(120, round(n_events / 43))
    n_merchants = max(250, round(16 * np.sqrt(n_customers)))
    home = _zipf(chance, HOME_TOWNS, n_customers, 0.8)
    # households are neighbours in number: pairs and threes share a laptop and a town
    household = np.cumsum(chance.random(n_customers) < 0.55)
    home = home[np.minimum(household, n_customers - 1)]
    share = np.array([category.share for category in CATEGORIES])
    leaning = chance.gamma(6.0 * share, 1.0, (n_customers, len(share))) + 0.02 * share
    n_cards = 1 + np.minimum(chance.geometric(0.55, n_customers) - 1, CARDS_MOST - 1)
    category = chance.choice(len(CATEGORIES), n_merchants, p=_merchant_share())
    category[: len(CATEGORIES)] = np.arange(len(CATEGORIES))
    place = _zipf(chance, N_TOWNS, n_merchants, 0.5)
    online = chance.random(n_merchants) < np.array([kind.online for kind in CATEGORIES])[category]
    online[: len(CATEGORIES)] = [kind.online > 0 for kind in CATEGORIES]
    return Town(
        home=home,
        household=household,
        payday=chance.integers(0, len(PAYDAYS), n_customers),
        activity=chance.gamma(2.0, 0.5, n_customers),
        taste=chance.normal(0.0, 0.3, n_customers),
        leaning=leaning / leaning.sum(axis=1, keepdims=True),
        first_card=np.cumsum(n_cards) - n_cards,
        n_cards=n_cards,
        new_phone_day=np.where(
            chance.random(n_customers) < 0.3, chance.uniform(0, n_days, n_customers), float(n_days + 1)
        ),
        category=category,
        place=np.where(online, ONLINE, place),
        price=chance.normal(0.0, 0.25, n_merchants),
        popularity=1.0 / (1.0 + chance.permutation(n_merchants)) ** 0.9,
        country=np.concatenate([_countries(chance), [0]]),
    )


def _merchant_share() -> Floats:
    """Restaurants and shops are many, fuel stations few; online shops of a kind serve everybody."""
    weight = np.array([category.share**0.5 for category in CATEGORIES])
    return weight / weight.sum()


def _countries(chance: np.random.Generator) -> Ints:
    """Country by town: the home country where customers live, others beyond."""
    abroad = chance.integers(1, len(COUNTRIES), N_TOWNS)
    return np.where(np.arange(N_TOWNS) < HOME_TOWNS, 0, abroad)


def _zipf(chance: np.random.Generator, n: int, size: int, power: float) -> Ints:
    weight = 1.0 / (1.0 + np.arange(n)) ** power
    return chance.choice(n, size, p=weight / weight.sum())
