"""Pumps that fail: sensor readings and failures, two topics on one entity with an integer key."""

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
from feast.types import Float64, Int64
from transforms import vibration_at_planned_load, vibration_trend

HOUR = timedelta(hours=1)

pump = Entity(name="pump", join_keys=["pump_id"], value_type=ValueType.INT64)

pump_readings = KafkaSource(
    name="pump_readings",
    topic="pump_readings",
    kafka_bootstrap_servers="localhost:9092",
    timestamp_field="measured_at",
    message_format=JsonFormat(
        schema_json="pump_id bigint not null, measured_at timestamp not null, vibration_mm_s double not null, "
        "pressure_bar double, motor_starts int not null"
    ),
    batch_source=FileSource(
        name="pump_readings_history", path="data/pump_readings.parquet", timestamp_field="measured_at"
    ),
    tags={"decimals.vibration_mm_s": "4", "decimals.pressure_bar": "3", "max_ahead": "10m"},
)

pump_failures = KafkaSource(
    name="pump_failures",
    topic="pump_failures",
    kafka_bootstrap_servers="localhost:9092",
    timestamp_field="failed_at",
    message_format=JsonFormat(
        schema_json="pump_id bigint not null, failed_at timestamp not null, failure_cause string, repair_hours double"
    ),
    batch_source=FileSource(
        name="pump_failures_history", path="data/pump_failures.parquet", timestamp_field="failed_at"
    ),
    tags={"decimals.repair_hours": "2"},
)

pump_condition = StreamFeatureView(
    name="pump_condition",
    entities=[pump],
    source=pump_readings,
    timestamp_field="measured_at",
    ttl=timedelta(days=2),
    tags={"half_life.pressure_ewma_1d": "4h"},
    schema=[
        Field(name="pump_id", dtype=Int64),
        Field(name="readings_6h", dtype=Int64),
        Field(name="pressure_readings_6h", dtype=Int64),
        Field(name="vibration_mean_6h", dtype=Float64),
        Field(name="vibration_mean_3d", dtype=Float64),
        Field(name="vibration_max_1d", dtype=Float64),
        Field(name="vibration_p90_1d", dtype=Float64),
        Field(name="vibration_std_1d", dtype=Float64),
        Field(name="pressure_ewma_1d", dtype=Float64),
        Field(name="pressure_min_6h", dtype=Float64),
        Field(name="pressure_mean_6h", dtype=Float64),
        Field(name="pressure_min_3d", dtype=Float64),
        Field(name="motor_starts_1d", dtype=Float64),
        Field(name="seconds_since_reading", dtype=Float64),
    ],
    aggregations=[
        Aggregation(name="readings_6h", column="vibration_mm_s", function="count", time_window=6 * HOUR),
        Aggregation(name="pressure_readings_6h", column="pressure_bar", function="count", time_window=6 * HOUR),
        Aggregation(
            name="vibration_mean_6h",
            column="vibration_mm_s",
            function="mean",
            time_window=6 * HOUR,
            slide_interval=timedelta(minutes=30),
        ),
        Aggregation(name="vibration_mean_3d", column="vibration_mm_s", function="mean", time_window=72 * HOUR),
        Aggregation(name="vibration_max_1d", column="vibration_mm_s", function="max", time_window=24 * HOUR),
        Aggregation(name="vibration_p90_1d", column="vibration_mm_s", function="p90", time_window=24 * HOUR),
        Aggregation(name="vibration_std_1d", column="vibration_mm_s", function="std", time_window=24 * HOUR),
        Aggregation(name="pressure_ewma_1d", column="pressure_bar", function="ewma", time_window=24 * HOUR),
        Aggregation(name="pressure_min_6h", column="pressure_bar", function="min", time_window=6 * HOUR),
        Aggregation(name="pressure_mean_6h", column="pressure_bar", function="mean", time_window=6 * HOUR),
        Aggregation(name="pressure_min_3d", column="pressure_bar", function="min", time_window=72 * HOUR),
        Aggregation(name="motor_starts_1d", column="motor_starts", function="sum", time_window=24 * HOUR),
        Aggregation(name="seconds_since_reading", column="measured_at", function="seconds_since_last"),
    ],
)

pump_record = StreamFeatureView(
    name="pump_record",
    entities=[pump],
    source=pump_failures,
    timestamp_field="failed_at",
    schema=[
        Field(name="pump_id", dtype=Int64),
        Field(name="failures_ever", dtype=Int64),
        Field(name="failures_explained", dtype=Int64),
        Field(name="failure_causes", dtype=Int64),
        Field(name="repair_hours_max", dtype=Float64),
        Field(name="seconds_since_failure", dtype=Float64),
    ],
    aggregations=[
        Aggregation(name="failures_ever", column="failed_at", function="count"),
        Aggregation(name="failures_explained", column="failure_cause", function="count"),
        Aggregation(name="failure_causes", column="failure_cause", function="count_distinct"),
        Aggregation(name="repair_hours_max", column="repair_hours", function="max"),
        Aggregation(name="seconds_since_failure", column="failed_at", function="seconds_since_last"),
    ],
)

next_day = RequestSource(name="next_day", schema=[Field(name="planned_load_percent", dtype=Float64)])


def outlook_of(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Set the condition of pumps against what is planned."""
    recent = inputs["vibration_mean_6h"]
    return {
        "vibration_at_planned_load": list(map(vibration_at_planned_load, recent, inputs["planned_load_percent"])),
        "vibration_trend": list(map(vibration_trend, recent, inputs["vibration_mean_3d"])),
    }


pump_outlook = OnDemandFeatureView(
    name="pump_outlook",
    sources=[pump_condition, next_day],
    schema=[
        Field(name="vibration_at_planned_load", dtype=Float64),
        Field(name="vibration_trend", dtype=Float64),
    ],
    mode="python",
    udf=outlook_of,
    udf_string=inspect.getsource(transforms) + "\n\n" + inspect.getsource(outlook_of),
)

pump_failure = FeatureService(
    name="pump_failure",
    features=[
        pump_condition,
        pump_record[["failures_ever", "failures_explained", "failure_causes", "seconds_since_failure"]],
        pump_outlook,
    ],
)
