"""The engine knows no field, entity or label by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.scaffold.templates import TEMPLATE
from features.compiler import compile_plan
from features.domain import load_domain
from features.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("features", "streams", "grpc_api", "offline_training", "monitoring", "deploy", "millstream", "protos")
TEXTS = {".py", ".pyi", ".proto", ".lua", ".yaml", ".yml", ".json", ".sql"}
DOMAINS = {
    "churn": ROOT / "feature_repo",
    "pumps": ROOT / "tests" / "domains" / "pumps",
    "cards": ROOT / "tests" / "domains" / "cards",
    "shipped_sets": ROOT / "tests" / "domains" / "shipped_sets",
}


def engine_files() -> Iterator[Path]:
    """Every text of the engine, but for what ``millstream init`` writes into a new domain and the alerts' tests."""
    apart = {TEMPLATE, ROOT / "deploy" / "prometheus" / "tests"}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in TEXTS and apart.isdisjoint(path.parents) and path.is_file():
                yield path


def names_of(plan: Plan) -> set[str]:
    """Topics, columns, join keys, entities' views, features, services, request fields."""
    names = {source.topic for source in plan.sources}
    names |= {column.name for source in plan.sources for column in source.columns}
    names |= {view.name for view in plan.views} | {key.name for view in plan.views for key in view.keys}
    names |= {feature.name for view in plan.views for feature in view.features}
    names |= {feature.view for feature in plan.request_features} | {f.name for f in plan.request_features}
    names |= {p.name for feature in plan.request_features for p in feature.parameters}
    return names | {service.name for service in plan.services}


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_name_of_a_domain_stands_in_the_engine(domain: str) -> None:
    """Not in code, not in a default, not in an example."""
    plan = compile_plan(DOMAINS[domain])
    names = names_of(plan) | {load_domain(DOMAINS[domain]).project}
    names |= {name.removesuffix("_id") for name in names if name.endswith("_id")}  # the entities
    assert len(names) > 20
    word = re.compile(
        r"(?<![A-Za-z0-9])(?:" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + r")(?![A-Za-z0-9])"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in engine_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in word.finditer(line)
    ]
    assert found == []


def test_the_search_finds_what_it_looks_for() -> None:
    """The template of ``millstream init`` is full of such names, and the rooms are not empty."""
    names = names_of(compile_plan(DOMAINS["churn"]))
    template = "".join(path.read_text() for path in TEMPLATE.rglob("*.py"))
    assert any(name in template for name in names)
    assert {path.relative_to(ROOT).parts[0] for path in engine_files()} == set(ROOMS)
