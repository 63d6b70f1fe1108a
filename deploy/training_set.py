"""A model's training set as a Parquet file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.domain import Domain
from features.lake import open_site_lake
from features.nouns import Knowledge
from features.plan import Plan
from features.plan_shelf import functions_of
from features.settings import Settings
from offline_training.dataset import build_dataset


def write_training_set(
    settings: Settings, plan: Plan, domain: Domain, model: str | None, out: Path, knowledge: Knowledge
) -> int:
    """Write every labelled observation with its features as of then; how many there are."""
    name, _ = domain.model(model)
    functions = functions_of(plan, settings.state_dir(plan.project))
    lake = open_site_lake(settings, plan.project)
    data = build_dataset(lake, plan, domain, name, functions, knowledge=knowledge)
    columns = {
        "event_timestamp": pa.array(data.at_us, pa.timestamp("us", "UTC")),
        **{feature: pa.array(data.rows[:, i]) for i, feature in enumerate(data.names)},
        "label": pa.array(data.labels),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(".tmp")
    pq.write_table(pa.table(columns, metadata={b"millstream.knowledge": knowledge.encode()}), fresh)
    fresh.replace(out)
    return len(data.labels)
