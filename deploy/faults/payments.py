"""The events of a run: payments made from a seed, with late ones, repeated ones and poisoned ones among them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from features.formats.record import Reason
from features.plan import (
    AggregatePlan,
    ColumnPlan,
    EntityKeyPlan,
    FeatureRef,
    Plan,
    ServicePlan,
    SourcePlan,
    ViewPlan,
)

TOPIC: Final = "payments"
PARTITIONS: Final = 6
"""At first; a fault may add some."""
N_ACCOUNTS: Final = 5_000
BEGAN_US: Final = 1_750_000_000_000_000
SPAN_US: Final = 14 * 86_400_000_000
"""Event time that a run covers, whatever its length, so that windows fill and empty in each."""

HOUR_US: Final = 3_600_000_000
MOST_LATE_US: Final = 2 * HOUR_US
TOO_LATE_US: Final = 96 * HOUR_US
POISONED, REPEATED, LATE, TOO_LATE, NULL, ELSEWHERE = 0.01, 0.02, 0.05, 0.002, 0.02, 0.1
"""Shares. ``ELSEWHERE``: not in the partition of the account, so that two workers write its state side by side."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

SOURCE: Final = SourcePlan(
    topic=TOPIC,
    timestamp_column="paid_at",
    max_ahead_us=HOUR_US,
    columns=(
        ColumnPlan(name="account", type="string", nullable=False),
        ColumnPlan(name="paid_at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="units", type="int64", nullable=False, decimals=0),
    ),
)
EVENTS_EVER: Final = AggregatePlan(name="events_ever", function="count", column="units")


def _view(name: str, view_hash: str, windows: dict[str, tuple[int | None, int | None]]) -> ViewPlan:
    features = [
        AggregatePlan(
            name=f"{function}_{window}", function=function, column="price", window_us=length_us, hop_us=hop_us
        )
        for window, (length_us, hop_us) in windows.items()
        for function in ("count", "sum", "mean", "min", "max")
    ]
    return ViewPlan(
        name=name,
        topic=TOPIC,
        keys=(EntityKeyPlan(name="account", type="string"),),
        features=(EVENTS_EVER, *features),
        ttl_us=0,
        hash=view_hash,
    )


SPEND: Final = _view(
    "spend",
    "5be4d5be4d5be4d0",
    {"1h": (HOUR_US, HOUR_US // 12), "1d": (24 * HOUR_US, HOUR_US), "ever": (None, None)},
)
HABIT: Final = _view("habit", "4ab174ab174ab170", {"6h": (6 * HOUR_US, HOUR_US // 2)})
RISK: Final = ServicePlan(
    name="risk",
    features=tuple(FeatureRef(view=SPEND.name, feature=feature.name, kind="stream") for feature in SPEND.features),
)
"""What a scorer asks for during a run, so that there are records to verify."""


def _plan(*views: ViewPlan) -> Plan:
    return Plan(
        project="faults",
        sources=(SOURCE,),
        views=views,
        request_features=(),
        services=(RISK,),
        transforms_sha256=hashlib.sha256(b"").hexdigest(),
    )


PLAN: Final = _plan(SPEND)
WIDER_PLAN: Final = _plan(SPEND, HABIT)
"""What a roll-out would bring: one view more, in a consumer group of its own, which writes the first view as well."""


class Payment(NamedTuple):
    """One record, as its producer knows it. ``reason`` is empty for a valid event."""

    value: bytes | None
    partition: int
    account: int
    paid_us: int
    cents: int | None
    units: int
    reason: str


class Payments:
    """All records of a run, in the order that they are sent; the next ones can be ordered to be poisoned."""

    def __init__(self, seed: int, n_events: int) -> None:
        self.seed = seed
        self.n_events = n_events
        self.now_us = BEGAN_US
        """Event time that has been reached."""
        self._chance = random.Random(f"payments {seed}")  # noqa: S311 - no secret
        self._step_us = max(1, SPAN_US // n_events)
        self._n_to_poison = 0
        self.n_partitions = PARTITIONS

    def poison(self, n: int) -> None:
        """Let none of the next ``n`` be valid."""
        self._n_to_poison += n

    def spread(self, n_partitions: int) -> None:
        """Send the next ones to so many partitions: most accounts have another one then."""
        self.n_partitions = n_partitions

    def __iter__(self) -> Iterator[Payment]:
        """One after the other; a repeated one is another record with the same bytes."""
        chance = self._chance
        last: Payment | None = None
        for n in range(self.n_events):
            self.now_us = BEGAN_US + n * self._step_us
            if self._n_to_poison or chance.random() < POISONED:
                self._n_to_poison = max(0, self._n_to_poison - 1)
                yield self._poisoned()
                continue
            if last is None or chance.random() >= REPEATED:
                last = self._payment(self.now_us)
            yield last

    def _payment(self, now_us: int) -> Payment:
        chance = self._chance
        account = int(N_ACCOUNTS * chance.random() ** 2)
        lateness = chance.random()
        if lateness < TOO_LATE:
            now_us -= TOO_LATE_US
        elif lateness < LATE:
            now_us -= chance.randrange(MOST_LATE_US)
        cents = None if chance.random() < NULL else chance.randrange(-5_000, 100_000)
        units = chance.randrange(1, 10)
        n = self.n_partitions
        partition = chance.randrange(n) if chance.random() < ELSEWHERE else account % n
        return Payment(to_json(account, now_us, cents, units), partition, account, now_us, cents, units, "")

    def _poisoned(self) -> Payment:
        chance = self._chance
        account = chance.randrange(N_ACCOUNTS)
        value, reason = chance.choice(POISONS)
        return Payment(value, account % self.n_partitions, account, BEGAN_US, None, 0, reason)


def account_id(number: int) -> str:
    """Name of an account."""
    return f"a{number}"


def to_json(account: int, paid_us: int, cents: int | None, units: int) -> bytes:
    """The value of a record."""
    paid_at = (_EPOCH + timedelta(microseconds=paid_us)).isoformat()
    price = "null" if cents is None else cents / 100
    return f'{{"account":"{account_id(account)}","paid_at":"{paid_at}","price":{price},"units":{units}}}'.encode()


POISONS: Final[tuple[tuple[bytes | None, str], ...]] = (
    (b"{", Reason.NOT_DECODABLE),
    (None, Reason.NOT_DECODABLE),
    (b'{"account":7}', Reason.SCHEMA_BREACH),
    (to_json(1, BEGAN_US, 10**32, 1), Reason.OUT_OF_RANGE),
    (to_json(1, 4_102_444_800_000_000, 100, 1), Reason.AHEAD_OF_ITS_TIME),
)
"""Values that are no event, and why."""
