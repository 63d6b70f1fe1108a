"""A whole domain in a few lines, to be altered by tests one text at a time."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "feature_store.yaml": """\
project: parcels
provider: local
registry:
  registry_type: sql
  path: sqlite:///registry.db
online_store:
  type: redis
  connection_string: "localhost:6379"
offline_store:
  type: features.feast_offline.MillstreamOfflineStore
  var: ../var
batch_engine:
  type: features.feast_offline.MillstreamComputeEngine
entity_key_serialization_version: 3
""",
    ".feastignore": "data/\n",
    "transforms.py": '''\
"""Request-time features."""


def kilos_per_parcel(kilos_1h, parcels_1h, spare_kilos):
    if kilos_1h is None or not parcels_1h or spare_kilos is None:
        return None
    return (kilos_1h + spare_kilos) / parcels_1h
''',
    "definitions.py": """\
import inspect
from datetime import timedelta

from feast import Entity, FeatureService, Field, FileSource, KafkaSource, OnDemandFeatureView
from feast import RequestSource, StreamFeatureView, ValueType
from feast.aggregation import Aggregation
from feast.data_format import JsonFormat
from feast.types import Float64, Int64, String

import transforms
from transforms import kilos_per_parcel

depot = Entity(name="depot", join_keys=["depot_id"], value_type=ValueType.INT64)
history = FileSource(name="parcels_history", path="data/parcels.parquet", timestamp_field="seen_at")
parcels = KafkaSource(
    name="parcels",
    topic="parcels",
    kafka_bootstrap_servers="localhost:9092",
    timestamp_field="seen_at",
    message_format=JsonFormat(
        schema_json="depot_id bigint not null, seen_at timestamp not null, kilos double, label string"
    ),
    batch_source=history,
    tags={"decimals.kilos": "3", "max_ahead": "15m"},
)
flow = StreamFeatureView(
    name="flow",
    entities=[depot],
    source=parcels,
    timestamp_field="seen_at",
    ttl=timedelta(days=2),
    schema=[
        Field(name="depot_id", dtype=Int64),
        Field(name="parcels_1h", dtype=Int64),
        Field(name="kilos_1h", dtype=Float64),
        Field(name="last_seen", dtype=Float64),
    ],
    aggregations=[
        Aggregation(name="parcels_1h", column="label", function="count", time_window=timedelta(hours=1)),
        Aggregation(
            name="kilos_1h",
            column="kilos",
            function="sum",
            time_window=timedelta(hours=1),
            slide_interval=timedelta(minutes=1),
        ),
        Aggregation(name="last_seen", column="seen_at", function="seconds_since_last"),
    ],
)
truck = RequestSource(name="truck", schema=[Field(name="spare_kilos", dtype=Float64)])


def load_of(inputs):
    return {
        "kilos_per_parcel": list(
            map(kilos_per_parcel, inputs["kilos_1h"], inputs["parcels_1h"], inputs["spare_kilos"])
        )
    }


load = OnDemandFeatureView(
    name="load",
    sources=[flow, truck],
    schema=[Field(name="kilos_per_parcel", dtype=Float64)],
    mode="python",
    udf=load_of,
    udf_string=inspect.getsource(transforms) + "\\n\\n" + inspect.getsource(load_of),
)
overflow = FeatureService(name="overflow", features=[flow, load])
""",
    "labels.sql": "SELECT depot_id, seen_at AS event_timestamp, 1 AS label FROM parcels WHERE seen_at < $lake_end\n",
    "model.yaml": """\
models:
  overflow:
    service: overflow
    horizon: 6h
    baseline_feature: flow:last_seen
    decision: {positive: overflows, negative: holds}
    missing:
      default: nan
      features: {"flow:last_seen": 0.0}
demo:
  model: overflow
  train_at: 2024-03-01
  score_at: [2024-03-02T06:00:00Z, 2024-03-03]
""",
}


class SmallDomain:
    """The folder, and the one way in which tests alter it."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        for name, text in FILES.items():
            (repo / name).write_text(text, encoding="utf-8")

    def replace(self, file: str, old: str, new: str) -> SmallDomain:
        """Put ``new`` in place of each ``old``, which must be there."""
        path = self.repo / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return self
