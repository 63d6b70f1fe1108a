"""Customer churn from a purchase log: what is computed about a customer, in Feast's own words."""

import inspect
from datetime import timedelta
from typing import Any

import transforms
from feast import (
    Entity,
    FeatureService,
    Field,
    FileSource,
    KafkaSource,
    OnDemandFeatureView,
    StreamFeatureView,
    ValueType,
)
from feast.aggregation import Aggregation
from feast.data_format import JsonFormat
from feast.types import Float64, Int64, PrimitiveFeastType, String
from transforms import purchases_per_day_of_tenure, recency_share_of_tenure, silence_in_purchases

WINDOWS: dict[str, timedelta | None] = {
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "180d": timedelta(days=180),
    "ever": None,
}

PER_WINDOW: list[tuple[str, str, str, PrimitiveFeastType]] = [
    # feature, column, function, type
    ("purchases", "amount_usd", "count", Int64),
    ("spend_usd", "amount_usd", "sum", Float64),
    ("mean_spend_usd", "amount_usd", "mean", Float64),
    ("max_spend_usd", "amount_usd", "max", Float64),
    ("cds", "cds", "sum", Float64),
]

customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)

purchases_history = FileSource(
    name="purchases_history",
    path="data/purchases.parquet",
    timestamp_field="purchased_at",
)

purchases = KafkaSource(
    name="purchases",
    topic="purchases",
    kafka_bootstrap_servers="localhost:9092",
    timestamp_field="purchased_at",
    message_format=JsonFormat(
        schema_json="customer_id string not null, purchased_at timestamp not null, cds bigint not null, "
        "amount_usd double not null"
    ),
    batch_source=purchases_history,
    tags={"decimals.amount_usd": "2", "max_ahead": "1h"},
)

purchase_history = StreamFeatureView(
    name="purchase_history",
    entities=[customer],
    source=purchases,
    timestamp_field="purchased_at",
    ttl=timedelta(0),
    schema=[
        Field(name="customer_id", dtype=String),
        *(Field(name=f"{name}_{window}", dtype=dtype) for window in WINDOWS for name, _, _, dtype in PER_WINDOW),
        Field(name="seconds_since_last_purchase", dtype=Float64),
        Field(name="seconds_since_first_purchase", dtype=Float64),
    ],
    aggregations=[
        *(
            Aggregation(name=f"{name}_{window}", column=column, function=function, time_window=length)
            for window, length in WINDOWS.items()
            for name, column, function, _ in PER_WINDOW
        ),
        Aggregation(name="seconds_since_last_purchase", column="amount_usd", function="seconds_since_last"),
        Aggregation(name="seconds_since_first_purchase", column="amount_usd", function="seconds_since_first"),
    ],
)


def rhythm_of(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Compare the silence of customers with their own rhythm: a list a feature, a place a customer."""
    recency, tenure = inputs["seconds_since_last_purchase"], inputs["seconds_since_first_purchase"]
    purchases = inputs["purchases_ever"]
    return {
        "recency_share_of_tenure": list(map(recency_share_of_tenure, recency, tenure)),
        "purchases_per_day_of_tenure": list(map(purchases_per_day_of_tenure, purchases, tenure)),
        "silence_in_purchases": list(map(silence_in_purchases, recency, purchases, tenure)),
    }


purchase_rhythm = OnDemandFeatureView(
    name="purchase_rhythm",
    sources=[purchase_history],
    schema=[
        Field(name="recency_share_of_tenure", dtype=Float64),
        Field(name="purchases_per_day_of_tenure", dtype=Float64),
        Field(name="silence_in_purchases", dtype=Float64),
    ],
    mode="python",
    udf=rhythm_of,
    # Feast's clients build the function anew from this text alone.
    udf_string=inspect.getsource(transforms) + "\n\n" + inspect.getsource(rhythm_of),
)

churn = FeatureService(name="churn", features=[purchase_history, purchase_rhythm])
