"""A small plan, made by hand, and records for it: what the tests of the stream processor share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, Plan, SourcePlan, ViewPlan

TOPIC = "sales"
LOG = "AAAAAAAAQACAAAAAAAAAAQ"
OTHER_LOG = "AAAAAAAAQACAAAAAAAAAAg"
BIRTH = "b1"
START_US = 1_750_000_000_000_000
HOUR_US = 3_600_000_000

SOURCE = SourcePlan(
    topic=TOPIC,
    timestamp_column="sold_at",
    max_ahead_us=HOUR_US,
    columns=(
        ColumnPlan(name="account", type="string", nullable=False),
        ColumnPlan(name="sold_at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
    ),
)


def birth_id(view: str) -> str:
    """The birth of a view where several have one."""
    return f"{BIRTH}-{view}"


WEB_TOPIC = "web_sales"
WEB_SOURCE = SourcePlan(
    topic=WEB_TOPIC,
    timestamp_column="sold_at",
    max_ahead_us=2 * HOUR_US,
    columns=(
        ColumnPlan(name="page", type="string", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=False, decimals=2),
        ColumnPlan(name="sold_at", type="timestamp", nullable=False),
        ColumnPlan(name="account", type="string", nullable=False),
    ),
)
"""What sells over another topic: columns of its own in an order of its own, and a price in every record."""
LOGS = {TOPIC: LOG, WEB_TOPIC: OTHER_LOG}


def _features(window: str, window_us: int | None, hop_us: int | None) -> list[AggregatePlan]:
    return [
        AggregatePlan(
            name=f"{function}_{window}", function=function, column="price", window_us=window_us, hop_us=hop_us
        )
        for function in ("count", "sum", "min", "max")
    ]


def view(name: str = "spend", view_hash: str = "0123456789abcdef", *, ever: bool = True) -> ViewPlan:
    """A view over two windows, and since ever."""
    return ViewPlan(
        name=name,
        topic=TOPIC,
        keys=(EntityKeyPlan(name="account", type="string"),),
        features=(
            *_features("1h", HOUR_US, HOUR_US // 12),
            *_features("1d", 24 * HOUR_US, HOUR_US),
            *(_features("ever", None, None) if ever else []),
        ),
        ttl_us=0,
        hash=view_hash,
    )


def plan(project: str = "shop", *views: ViewPlan) -> Plan:
    """A plan of one topic and, unless told, one view."""
    return Plan(
        project=project,
        sources=(SOURCE,),
        views=views or (view(),),
        request_features=(),
        services=(),
        transforms_sha256="",
    )


def plan_of_two_topics(of: ViewPlan) -> Plan:
    """A plan in which the web's sales feed a view like the shops' do, and two views of other entities besides."""
    account, page = *of.keys, EntityKeyPlan(name="page", type="string")
    both = msgspec.structs.replace(of, further_topics=(WEB_TOPIC,))
    by_page = msgspec.structs.replace(of, name="by_page", topic=WEB_TOPIC, keys=(page,))
    by_two = msgspec.structs.replace(by_page, name="by_two", keys=(page, account))
    return msgspec.structs.replace(plan("shop", both, by_page, by_two), sources=(SOURCE, WEB_SOURCE))


class Sale(NamedTuple):
    """One event, as its producer knows it. ``partition`` and ``offset`` are its position."""

    account: str
    sold_us: int
    price: float | None
    partition: int = 0
    offset: int = 0


class Record(NamedTuple):
    """A Kafka record, as much of it as is read."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def value(account: str, sold_us: int, price: float | None) -> bytes:
    """The JSON of one sale."""
    at = datetime.fromtimestamp(sold_us / 1e6, UTC).isoformat()
    page = f"page{sold_us // HOUR_US % 3}"
    return json.dumps({"account": account, "sold_at": at, "price": price, "page": page}).encode()


def records(sales: Iterable[Sale]) -> list[Record]:
    """Records of sales, which arrive an hour after the last of all."""
    return [Record(sale.offset, (START_US + 1_000 * HOUR_US) // 1_000, value(*sale[:3])) for sale in sales]
