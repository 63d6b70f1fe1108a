"""A small domain with its lake filled, as a stock Feast client meets it: stream views, a plain and a request view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from features.compiler import apply_domain
from features.declarations.objects import quiet_feast
from features.decode import Decoder
from features.lake import Lake, LakeBatch, open_lake
from features.plan import Plan
from features.settings import StoreSettings
from tests.features.small_domain import FILES, SmallDomain

if TYPE_CHECKING:
    from feast import FeatureStore

LOGS = ("AAAAAAAAQACAAAAAAAAAAQ", "BBBBBBBBQACAAAAAAAAAAQ")
EPOCH = datetime(2024, 3, 1, tzinfo=UTC)
EPOCH_US = int(EPOCH.timestamp()) * 1_000_000
SPAN_US = 3 * 86_400 * 1_000_000

TRANSFORMS = """

def heavy(kilos: float | None) -> bool | None:
    return None if kilos is None else kilos > 20.0
"""
LANES = """
lane = Entity(name="lane", join_keys=["label"], value_type=ValueType.STRING)
lanes = StreamFeatureView(
    name="lanes",
    entities=[depot, lane],
    source=parcels,
    timestamp_field="seen_at",
    ttl=timedelta(0),
    tags={"where.heavy_ever": "heavy"},
    schema=[
        Field(name="depot_id", dtype=Int64),
        Field(name="label", dtype=String),
        Field(name="heavy_ever", dtype=Int64),
        Field(name="mean_1d", dtype=Float64),
        Field(name="p90_6h", dtype=Float64),
    ],
    aggregations=[
        Aggregation(name="heavy_ever", column="kilos", function="count"),
        Aggregation(name="mean_1d", column="kilos", function="mean", time_window=timedelta(days=1)),
        Aggregation(name="p90_6h", column="kilos", function="p90", time_window=timedelta(hours=6)),
    ],
)
sizes = FeatureView(
    name="sizes",
    entities=[depot],
    source=FileSource(name="sizes_file", path="sizes.parquet", timestamp_field="measured_at"),
    ttl=timedelta(days=1),
    schema=[
        Field(name="depot_id", dtype=Int64),
        Field(name="area_m2", dtype=Float64),
        Field(name="gates", dtype=Int64),
    ],
)
"""


class FeastSite:
    """The domain folder, its state folder, its plan, and a lake of random events.

    Parameters
    ----------
    folder
        An empty one.
    store
        Where the online store is.
    n_events, seed
        How many events there are, and which.

    """

    def __init__(self, folder: Path, store: StoreSettings | None = None, *, n_events: int = 600, seed: int = 7) -> None:
        (folder / "repo").mkdir()
        self.domain = SmallDomain(folder / "repo")
        self.repo = self.domain.repo
        (self.repo / "transforms.py").write_text(FILES["transforms.py"] + TRANSFORMS, encoding="utf-8")
        self.domain.replace("definitions.py", "double, label string", "double, label string not null")
        self.domain.replace("definitions.py", '"max_ahead"', '"derive.heavy": "heavy", "max_ahead"')
        self.domain.replace("definitions.py", "KafkaSource, OnDemand", "FeatureView, KafkaSource, OnDemand")
        self.domain.replace("definitions.py", "truck = ", f"{LANES}\ntruck = ")
        self.store = store or StoreSettings()
        self.state_dir = folder / "var" / "parcels"
        self.plan: Plan = self.apply()
        self.lake: Lake = open_lake(str(self.state_dir / "lake"))
        self.write_sizes()
        self.send(n_events, np.random.default_rng(seed))

    def apply(self) -> Plan:
        """What `millstream apply` does."""
        return apply_domain(self.repo, self.state_dir, self.store)

    def feast(self) -> FeatureStore:
        """A stock client, by the configuration that the apply wrote."""
        from feast import FeatureStore

        with quiet_feast():
            return FeatureStore(repo_path=str(self.repo), fs_yaml_file=self.state_dir / "feature_store.yaml")

    def send(self, n_events: int, generator: np.random.Generator) -> None:
        """Put random events into the lake, over two logs, late ones among them."""
        source = self.plan.source("parcels")
        times = np.sort(generator.integers(0, SPAN_US, n_events)) + generator.integers(-3_600_000_000, 1, n_events)
        values = [
            msgspec.json.encode(
                {
                    "depot_id": int(generator.integers(5)),
                    "seen_at": (EPOCH + timedelta(microseconds=int(at_us))).isoformat(timespec="microseconds"),
                    "kilos": None if generator.random() < 0.1 else round(float(generator.gamma(2, 9)), 3),
                    "label": f"l{generator.integers(3)}",
                }
            )
            for at_us in times
        ]
        half = n_events // 2
        for log, part in zip(LOGS, (values[:half], values[half:]), strict=True):
            kafka_us = [EPOCH_US + SPAN_US] * len(part)
            decoded = Decoder(source).decode(part, kafka_us)
            assert decoded.reasons == {}
            self.lake.append(source, log, 0, LakeBatch(len(part), range(len(part)), kafka_us, part, decoded))

    def write_sizes(self) -> None:
        """The file of the plain view: two depots, the second measured again."""
        days = [0.5, 1.0, 2.0]
        frame = {
            "depot_id": [0, 1, 1],
            "measured_at": [EPOCH + timedelta(days=day) for day in days],
            "area_m2": [100.5, 200.0, 250.0],
            "gates": [2, 3, 4],
        }
        pd.DataFrame(frame).to_parquet(self.repo / "sizes.parquet")


def observations(n_rows: int, seed: int, *, strangers: bool = True) -> pd.DataFrame:
    """Random rows to ask for: repeated entities, strangers, instants before and after all events."""
    generator = np.random.default_rng(seed)
    at_us = generator.integers(-SPAN_US // 4, 2 * SPAN_US, n_rows)
    rows: dict[str, Any] = {
        "depot_id": generator.integers(7 if strangers else 5, size=n_rows),
        "label": [f"l{number}" for number in generator.integers(4 if strangers else 3, size=n_rows)],
        "event_timestamp": [EPOCH + timedelta(microseconds=int(at)) for at in at_us],
    }
    return pd.DataFrame(rows)
