"""A domain of machines that run jobs, small enough to train in a second: which will stand still for ten days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import yaml

from features.decode import Decoder
from features.domain import Domain, load_domain
from features.lake import LakeBatch, open_lake
from features.plan import (
    AggregatePlan,
    ColumnPlan,
    EntityKeyPlan,
    FeatureRef,
    ParameterPlan,
    Plan,
    RequestFeaturePlan,
    ServicePlan,
    SourcePlan,
    ViewPlan,
)
from features.plan_shelf import put_on_shelf
from features.settings import Settings
from features.transforms import transforms_sha256

DAY_US = 86_400_000_000
START = datetime(2024, 1, 1, tzinfo=UTC)
N_DAYS = 100
FILE_ROWS = 200
LOG = "AAAAAAAAQACAAAAAAAAAAQ"

SOURCE = SourcePlan(
    topic="jobs",
    timestamp_column="ended_at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="machine", type="string", nullable=False),
        ColumnPlan(name="ended_at", type="timestamp", nullable=False),
        ColumnPlan(name="parts", type="float64", nullable=True, decimals=2),
    ),
)
VIEW = ViewPlan(
    name="work",
    topic="jobs",
    keys=(EntityKeyPlan(name="machine", type="string"),),
    features=(
        AggregatePlan(name="jobs_20d", function="count", column="parts", window_us=20 * DAY_US, hop_us=DAY_US),
        AggregatePlan(name="mean_parts_5d", function="mean", column="parts", window_us=5 * DAY_US, hop_us=DAY_US // 4),
        AggregatePlan(name="idle_s", function="seconds_since_last", column="ended_at"),
        AggregatePlan(name="age_s", function="seconds_since_first", column="ended_at"),
    ),
    ttl_us=0,
    hash="0123456789abcdef",
)
TRANSFORMS = '''"""Request-time features."""


def idle_share(idle_s: float | None, age_s: float | None, shift: float | None) -> float | None:
    """Idle part of the age, a little more on a late shift."""
    return None if not age_s or idle_s is None or shift is None else idle_s / age_s + shift / 1000
'''
LABELS = """
SELECT machine, seen_at AS event_timestamp, 1.0 * (day % 3) AS shift,
  (NOT EXISTS (
    FROM jobs j WHERE j.machine = m.machine AND j.ended_at >= seen_at AND j.ended_at < seen_at + INTERVAL 10 DAY
  )) AS label
FROM (SELECT machine, min(ended_at) AS first_at FROM jobs GROUP BY machine) m,
  (SELECT day, TIMESTAMPTZ '2024-01-01 00:00:00+00' + day * INTERVAL 1 DAY AS seen_at FROM range(20, 100, 5) t(day))
WHERE first_at < seen_at AND seen_at + INTERVAL 10 DAY <= $lake_end
"""
GROUPED = LABELS.replace("SELECT machine,", "SELECT machine, 'hall ' || (ascii(right(machine, 1)) % 2) AS hall,", 1)
"""The same with a column beside: in which hall a machine stands."""
PARTS_TO_COME = LABELS.replace("(NOT EXISTS (\n    FROM", "(coalesce((\n    SELECT sum(parts) FROM", 1).replace(
    ")) AS label", "), 0)) AS label", 1
)
"""How much a machine will make in the ten days."""

MODEL: dict[str, Any] = {
    "service": "standstill",
    "horizon": "10d",
    "baseline_feature": "work:idle_s",
    "gates": {"max_below_linear": 0.5, "min_above_baseline": -0.5},
    "params": {"num_leaves": 4, "learning_rate": 0.1, "num_iterations": 30},
    "seed": 7,
    "decision": {"positive": "stands", "negative": "runs"},
    "card": {
        "description": "Tells which machines will stand still for ten days.",
        "limitations": "They are made up.",
        "ethics": "They do not mind.",
    },
    "approval": "policy",
    "checks": {"min_accuracy": 0.5},
}


class SmallDomain(NamedTuple):
    """A domain on disk, its plan, its settings, and a lake with its events."""

    domain: Domain
    plan: Plan
    settings: Settings


def small_domain(
    folder: Path,
    *,
    labels: str = LABELS,
    machines: int = 60,
    arrive_within_s: int = 0,
    people: Mapping[str, str] = MappingProxyType({}),
    **model: Any,
) -> SmallDomain:
    """Write the domain, with parts of its model, its labels or its people replaced, and fill its lake."""
    repo = folder / "repo"
    repo.mkdir()
    (repo / "feature_store.yaml").write_text("project: machines\n")
    (repo / "transforms.py").write_text(TRANSFORMS)
    (repo / "labels.sql").write_text(labels)
    demo = {"model": "standstill", "train_at": "2024-04-01T00:00:00Z", "score_at": ["2024-04-02T00:00:00Z"]}
    (repo / "model.yaml").write_text(
        yaml.safe_dump({"people": dict(people), "models": {"standstill": MODEL | model}, "demo": demo})
    )
    settings = Settings(repo=repo, var=folder / "var")
    plan = _plan(repo)
    put_on_shelf(plan, TRANSFORMS.encode(), settings.state_dir("machines"))
    fill_lake(settings.lake_url("machines"), machines, arrive_within_s=arrive_within_s)
    return SmallDomain(load_domain(repo), plan, settings)


def windowed_domain(folder: Path) -> SmallDomain:
    """The domain without features since ever, whose observations do not depend on what the lake has dropped."""
    machines = "(SELECT 'm' || i AS machine, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS first_at FROM range(60) t(i)) m"
    labels = LABELS.replace("(SELECT machine, min(ended_at) AS first_at FROM jobs GROUP BY machine) m", machines)
    labels = labels.replace("1.0 * (day % 3) AS shift,", "")
    small = small_domain(folder, labels=labels, arrive_within_s=1, baseline_feature="work:jobs_20d")
    view = msgspec.structs.replace(VIEW, features=VIEW.features[:2])
    features = tuple(FeatureRef(view="work", feature=name, kind="stream") for name in view.feature_names)
    services = (ServicePlan(name="standstill", features=features),)
    plan = msgspec.structs.replace(small.plan, views=(view,), request_features=(), services=services)
    put_on_shelf(plan, TRANSFORMS.encode(), small.settings.state_dir("machines"))
    return small._replace(plan=plan)


def drop_oldest(small: SmallDomain) -> int:
    """Have the lake drop its first file, as `millstream forget --expired` does; up to which time that is."""
    lake = open_lake(small.settings.lake_url("machines"))
    lake.expire("jobs", int((START + timedelta(days=N_DAYS / 4)).timestamp()) * 1_000_000)
    dropped_us = lake.dropped_until_us("jobs")
    assert dropped_us is not None
    return dropped_us


def fill_lake(url: str, n_machines: int, *, arrive_within_s: int = 0) -> None:
    """Jobs of machines that differ in how often they run, some of them ever more rarely, in several files.

    Each arrives within some time, or (0) all of them together after the last.
    """
    rng = np.random.default_rng(3)
    events: list[tuple[datetime, str, float | None]] = []
    for machine in range(n_machines):
        at, gap = float(rng.uniform(0, 10)), float(rng.uniform(0.5, 8))
        while at < N_DAYS:
            parts = None if rng.random() < 0.1 else round(float(rng.uniform(1, 50)), 2)
            events.append((START + timedelta(seconds=round(at * 86_400)), f"m{machine}", parts))
            at += float(rng.exponential(gap)) + 0.01
            gap *= 1.05 if machine % 3 else 1.0
    events.append((START + timedelta(days=N_DAYS), "m0", 1.0))
    events.sort(key=lambda event: event[0])
    values = [msgspec.json.encode({"machine": m, "ended_at": at.isoformat(), "parts": p}) for at, m, p in events]
    kafka_us = [int((START + timedelta(days=N_DAYS + 1)).timestamp()) * 1_000_000] * len(values)
    if arrive_within_s:
        delays_s = rng.integers(0, arrive_within_s, len(events)).tolist()
        kafka_us = [int(at.timestamp() + delay) * 1_000_000 for (at, _, _), delay in zip(events, delays_s, strict=True)]
    lake, decoder = open_lake(url), Decoder(SOURCE)
    for first in range(0, len(values), FILE_ROWS):
        theirs, times = values[first : first + FILE_ROWS], kafka_us[first : first + FILE_ROWS]
        end = first + len(theirs)
        lake.append(SOURCE, LOG, 0, LakeBatch(end, range(first, end), times, theirs, decoder.decode(theirs, times)))


def _plan(repo: Path) -> Plan:
    parameters = (
        ParameterPlan(name="idle_s", view="work", type="float64"),
        ParameterPlan(name="age_s", view="work", type="float64"),
        ParameterPlan(name="shift", view=None, type="float64"),
    )
    stream = tuple(FeatureRef(view="work", feature=name, kind="stream") for name in VIEW.feature_names)
    request = FeatureRef(view="rhythm", feature="idle_share", kind="request")
    return Plan(
        project="machines",
        sources=(SOURCE,),
        views=(VIEW,),
        request_features=(RequestFeaturePlan(name="idle_share", view="rhythm", parameters=parameters),),
        services=(ServicePlan(name="standstill", features=(*stream, request)),),
        transforms_sha256=transforms_sha256(repo),
    )
