"""Card payments and fraud: four entities and two pairs of them, all computed of one topic."""

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
    RequestSource,
    StreamFeatureView,
    ValueType,
)
from feast.aggregation import Aggregation
from feast.data_format import JsonFormat
from feast.types import Bool, Float64, Int64, String
from transforms import (
    eur_above_card_mean,
    eur_by_card_mean,
    eur_by_merchant_median,
    merchant_refused_share,
    merchant_rush,
    payment_eur,
    payment_is_online,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOOK_BACK = timedelta(days=21)
"""How far memory goes: the first observations look back as far as the last, so that nothing grows with the calendar."""

COUNTS = {"count", "count_distinct"}

customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
card = Entity(name="card", join_keys=["card_token"], value_type=ValueType.STRING)
merchant = Entity(name="merchant", join_keys=["merchant_id"], value_type=ValueType.STRING)
device = Entity(name="device", join_keys=["device_id"], value_type=ValueType.STRING)

DERIVED = (
    "approved_eur",
    "refused",
    "authorised",
    "charged_back",
    "bought_online",
    "bought_abroad",
    "small",
    "at_night",
)

card_events = KafkaSource(
    name="card_events",
    topic="card_events",
    kafka_bootstrap_servers="localhost:9092",
    timestamp_field="happened_at",
    message_format=JsonFormat(
        schema_json="event_kind string not null, happened_at timestamp not null, authorisation_id bigint not null, "
        "customer_id string not null, card_token string not null, merchant_id string not null, "
        "device_id string not null, amount_eur double not null, merchant_category string not null, "
        "merchant_country string not null, entry_mode string not null, bank_answer string"
    ),
    batch_source=FileSource(name="card_events_history", path="data/card_events.parquet", timestamp_field="happened_at"),
    tags={
        "decimals.authorisation_id": "none",
        "decimals.amount_eur": "2",
        "decimals.approved_eur": "2",
        "max_ahead": "10m",
        **{f"derive.{column}": column for column in DERIVED},
    },
)


def view(name: str, entities: list[Entity], *features: Aggregation, where: dict[str, str]) -> StreamFeatureView:
    """Features of one entity, or of a pair; ``where`` says which events a feature counts."""
    return StreamFeatureView(
        name=name,
        entities=entities,
        source=card_events,
        timestamp_field="happened_at",
        schema=[
            *(Field(name=entity.join_key, dtype=String) for entity in entities),
            *(Field(name=f.name, dtype=Int64 if f.function in COUNTS else Float64) for f in features),
        ],
        aggregations=list(features),
        tags={f"where.{feature}": column for feature, column in where.items()},
    )


def over(name: str, function: str, column: str, window: timedelta | None = None) -> Aggregation:
    """One feature."""
    return Aggregation(name=name, function=function, column=column, time_window=window)


card_use = view(
    "card_use",
    [card],
    over("card_payments_1h", "count", "bank_answer", HOUR),
    over("card_payments_1d", "count", "bank_answer", DAY),
    over("card_payments", "count", "bank_answer", LOOK_BACK),
    over("card_spend_1d", "sum", "approved_eur", DAY),
    over("card_spend_ewma_7d", "ewma", "approved_eur", 7 * DAY),
    over("card_mean", "mean", "approved_eur", LOOK_BACK),
    over("card_std", "std", "approved_eur", LOOK_BACK),
    over("card_p95", "p95", "approved_eur", LOOK_BACK),
    over("card_max", "max", "approved_eur", LOOK_BACK),
    over("card_last_eur", "last", "approved_eur", LOOK_BACK),
    over("card_refused_1d", "count", "bank_answer", DAY),
    over("card_online_1d", "count", "bank_answer", DAY),
    over("card_online", "count", "bank_answer", LOOK_BACK),
    over("card_abroad_7d", "count", "bank_answer", 7 * DAY),
    over("card_shops_1d", "count_distinct", "merchant_id", DAY),
    over("card_devices_1d", "count_distinct", "device_id", DAY),
    over("card_devices", "count_distinct", "device_id", LOOK_BACK),
    over("card_kinds_7d", "count_distinct", "merchant_category", 7 * DAY),
    over("card_chargebacks", "count", "amount_eur", LOOK_BACK),
    over("seconds_since_card", "seconds_since_last", "bank_answer"),
    over("card_age", "seconds_since_first", "bank_answer", LOOK_BACK),
    where={
        "card_refused_1d": "refused",
        "card_online_1d": "bought_online",
        "card_online": "bought_online",
        "card_abroad_7d": "bought_abroad",
        "card_shops_1d": "authorised",
        "card_devices_1d": "bought_online",
        "card_devices": "bought_online",
        "card_kinds_7d": "authorised",
        "card_chargebacks": "charged_back",
    },
)

customer_use = view(
    "customer_use",
    [customer],
    over("customer_payments_1d", "count", "bank_answer", DAY),
    over("customer_spend_1d", "sum", "approved_eur", DAY),
    over("customer_spend_7d", "sum", "approved_eur", 7 * DAY),
    over("customer_median", "median", "approved_eur", LOOK_BACK),
    over("customer_cards_1d", "count_distinct", "card_token", DAY),
    over("customer_devices_1d", "count_distinct", "device_id", DAY),
    over("customer_online_1d", "count", "bank_answer", DAY),
    over("customer_online", "count", "bank_answer", LOOK_BACK),
    over("customer_nights_7d", "count", "bank_answer", 7 * DAY),
    over("customer_refused_1d", "count", "bank_answer", DAY),
    over("customer_chargebacks", "count", "amount_eur", LOOK_BACK),
    where={
        "customer_cards_1d": "authorised",
        "customer_devices_1d": "bought_online",
        "customer_online_1d": "bought_online",
        "customer_online": "bought_online",
        "customer_nights_7d": "at_night",
        "customer_refused_1d": "refused",
        "customer_chargebacks": "charged_back",
    },
)

merchant_traffic = view(
    "merchant_traffic",
    [merchant],
    over("merchant_payments_1h", "count", "bank_answer", HOUR),
    over("merchant_payments_6h", "count", "bank_answer", 6 * HOUR),
    over("merchant_payments_7d", "count", "bank_answer", 7 * DAY),
    over("merchant_refused_1h", "count", "bank_answer", HOUR),
    over("merchant_refused_6h", "count", "bank_answer", 6 * HOUR),
    over("merchant_cards_1h", "count_distinct", "card_token", HOUR),
    over("merchant_cards_6h", "count_distinct", "card_token", 6 * HOUR),
    over("merchant_devices_6h", "count_distinct", "device_id", 6 * HOUR),
    over("merchant_small_6h", "count", "bank_answer", 6 * HOUR),
    over("merchant_median_7d", "median", "approved_eur", 7 * DAY),
    over("merchant_mean", "mean", "approved_eur", LOOK_BACK),
    over("merchant_charged_back", "count", "amount_eur", LOOK_BACK),
    over("merchant_charged_back_eur", "sum", "amount_eur", LOOK_BACK),
    where={
        "merchant_refused_1h": "refused",
        "merchant_refused_6h": "refused",
        "merchant_cards_1h": "authorised",
        "merchant_cards_6h": "authorised",
        "merchant_devices_6h": "authorised",
        "merchant_small_6h": "small",
        "merchant_charged_back": "charged_back",
        "merchant_charged_back_eur": "charged_back",
    },
)

device_use = view(
    "device_use",
    [device],
    over("device_payments_1h", "count", "bank_answer", HOUR),
    over("device_payments_1d", "count", "bank_answer", DAY),
    over("device_payments", "count", "bank_answer", LOOK_BACK),
    over("device_spend_1d", "sum", "approved_eur", DAY),
    over("device_cards_1d", "count_distinct", "card_token", DAY),
    over("device_customers", "count_distinct", "customer_id", LOOK_BACK),
    over("device_shops_1d", "count_distinct", "merchant_id", DAY),
    over("device_refused_1d", "count", "bank_answer", DAY),
    over("device_chargebacks", "count", "amount_eur", LOOK_BACK),
    over("device_age", "seconds_since_first", "bank_answer", LOOK_BACK),
    where={
        "device_cards_1d": "authorised",
        "device_customers": "authorised",
        "device_shops_1d": "authorised",
        "device_refused_1d": "refused",
        "device_chargebacks": "charged_back",
    },
)

card_at_merchant = view(
    "card_at_merchant",
    [card, merchant],
    over("card_visits", "count", "bank_answer", LOOK_BACK),
    over("card_visit_mean", "mean", "approved_eur", LOOK_BACK),
    over("card_age_at_merchant", "seconds_since_first", "bank_answer", LOOK_BACK),
    where={},
)

card_on_device = view(
    "card_on_device",
    [card, device],
    over("card_device_payments", "count", "bank_answer", LOOK_BACK),
    over("card_age_on_device", "seconds_since_first", "bank_answer", LOOK_BACK),
    where={},
)

waiting_payment = RequestSource(
    name="waiting_payment",
    schema=[Field(name="waiting_eur", dtype=Float64), Field(name="waiting_online", dtype=Bool)],
)


def payment_of(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Set payments that wait to be cleared against what their card and merchant are used to."""
    eur, mean = inputs["waiting_eur"], inputs["card_mean"]
    lately = inputs["merchant_payments_6h"]
    return {
        "payment_eur": list(map(payment_eur, eur)),
        "payment_is_online": list(map(payment_is_online, inputs["waiting_online"])),
        "eur_by_card_mean": list(map(eur_by_card_mean, eur, mean)),
        "eur_above_card_mean": list(map(eur_above_card_mean, eur, mean, inputs["card_std"])),
        "eur_by_merchant_median": list(map(eur_by_merchant_median, eur, inputs["merchant_median_7d"])),
        "merchant_refused_share": list(map(merchant_refused_share, inputs["merchant_refused_6h"], lately)),
        "merchant_rush": list(map(merchant_rush, lately, inputs["merchant_payments_7d"])),
    }


payment = OnDemandFeatureView(
    name="payment_in_context",
    sources=[card_use, merchant_traffic, waiting_payment],
    schema=[
        Field(name=name, dtype=Float64)
        for name in (
            "payment_eur",
            "payment_is_online",
            "eur_by_card_mean",
            "eur_above_card_mean",
            "eur_by_merchant_median",
            "merchant_refused_share",
            "merchant_rush",
        )
    ],
    mode="python",
    udf=payment_of,
    # Feast's clients build the function anew from this text alone.
    udf_string=inspect.getsource(transforms) + "\n\n" + inspect.getsource(payment_of),
)

card_fraud = FeatureService(
    name="card_fraud",
    features=[card_use, customer_use, merchant_traffic, device_use, card_at_merchant, card_on_device, payment],
)
