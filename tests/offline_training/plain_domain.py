"""A domain without events: the irises that Fisher measured in 1936, which scikit-learn ships, in a table of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import yaml
from sklearn.datasets import load_iris

from features.compiler import compile_plan
from features.domain import Domain, load_domain
from features.plan import Plan
from features.plan_shelf import put_on_shelf
from features.settings import Settings
from tests.features.small_domain import FILES

DEFINITIONS = """
import inspect

from feast import FeatureService, Field, OnDemandFeatureView, RequestSource
from feast.types import Float64, String

import transforms
from transforms import note_letters, petal_cm2

LENGTHS = [f"measures_{number}" for number in range(4)]
flower = RequestSource(
    name="flower",
    schema=[*(Field(name=name, dtype=Float64) for name in LENGTHS), Field(name="note", dtype=String)],
)


def as_measured(inputs):
    return {name: inputs[name] for name in inputs if name != "note"}


def seen_of(inputs):
    return {
        "petal_cm2": list(map(petal_cm2, inputs["measures_2"], inputs["measures_3"])),
        "note_letters": list(map(note_letters, inputs["note"])),
    }


measured = OnDemandFeatureView(
    name="measured",
    sources=[flower],
    schema=[Field(name=name, dtype=Float64) for name in LENGTHS],
    mode="python",
    udf=as_measured,
    udf_string=inspect.getsource(as_measured),
)
seen = OnDemandFeatureView(
    name="seen",
    sources=[flower],
    schema=[Field(name=name, dtype=Float64) for name in ("petal_cm2", "note_letters")],
    mode="python",
    udf=seen_of,
    udf_string=inspect.getsource(transforms) + "\\n\\n" + inspect.getsource(seen_of),
)
species = FeatureService(name="species", features=[measured, seen])
"""
TRANSFORMS = '''"""Request-time features."""


def petal_cm2(measures_2: float | None, measures_3: float | None) -> float | None:
    return None if measures_2 is None or measures_3 is None else measures_2 * measures_3


def note_letters(note: str | None) -> float | None:
    return None if note is None else float(len(note))
'''
NOTES = ("", "wide", "slender leaf", None)
MODEL: dict[str, Any] = {
    "service": "species",
    "task": "multiclass",
    "classes": ["setosa", "versicolor", "virginica"],
    "dataset": {"url": "data/flowers.parquet"},
    "split": {"test_share": 0.3},
    "baseline_feature": "measured:measures_1",
    "algorithm": "random_forest",
    "params": {"n_estimators": 20},
    "gates": {"max_below_linear": 0.1, "min_above_baseline": 0.0},
    "validation": {
        "waivers": [
            {"check": "leakage_single_predictor", "reason": "petals alone tell irises apart"},
            {"check": "leakage_target_copy", "reason": "petals alone tell irises apart"},
        ]
    },
    "card": {"description": "Which iris it is.", "limitations": "Three kinds.", "ethics": "Flowers do not mind."},
    "approval": "policy",
}


class PlainDomain(NamedTuple):
    """The domain on disk without its table, and its plan."""

    domain: Domain
    plan: Plan
    settings: Settings


def flowers() -> pa.Table:
    """One row a flower; what was measured of it is a list, and a column more is nobody's."""
    iris = load_iris()
    return pa.table(
        {
            "measures": pa.array(iris.data.tolist()),
            "note": [NOTES[i % len(NOTES)] for i in range(len(iris.target))],
            "garden": ["north" if i % 2 else "south" for i in range(len(iris.target))],
            "label": [MODEL["classes"][kind] for kind in iris.target.tolist()],
        }
    )


def plain_domain(folder: Path, **model: Any) -> PlainDomain:
    """Write it, with parts of its model replaced."""
    repo = folder / "repo"
    (repo / "data").mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(FILES["feature_store.yaml"].replace("parcels", "irises"))
    (repo / "definitions.py").write_text(DEFINITIONS)
    (repo / "transforms.py").write_text(TRANSFORMS)
    (repo / "model.yaml").write_text(yaml.safe_dump({"models": {"species": MODEL | model}}))
    settings = Settings(repo=repo, var=folder / "var")
    plan = compile_plan(repo)
    put_on_shelf(plan, TRANSFORMS.encode(), settings.state_dir("irises"))
    return PlainDomain(load_domain(repo), plan, settings)
