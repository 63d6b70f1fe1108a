"""What a domain's documents say of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml
from markdown_it import MarkdownIt

from deploy.design import Design
from deploy.scaffold.documents import CHARTER, DOCUMENTS, EXPLORATION, design_text, documents_of
from features.compiler import compile_plan
from features.domain import Domain, load_domain
from features.head import Task
from features.model_file import FairnessSpec
from features.plan import Plan

ROOT = Path(__file__).resolve().parents[3]
DOMAINS = {name: ROOT / "tests" / "domains" / name for name in ("pumps", "cards")} | {"churn": ROOT / "feature_repo"}
SECTIONS = {
    *("Goal", "Success metrics", "Split and cross-validation", "Approval", "Latency and deployment", "Explainability"),
    *("Regulation", "Fairness", "A/B plan", "Monitoring", "Open points"),
}


def read(name: str) -> tuple[Plan, Domain]:
    return compile_plan(DOMAINS[name]), load_domain(DOMAINS[name])


@pytest.mark.parametrize("name", DOMAINS)
def test_any_domain_can_have_them(name: str) -> None:
    """With all sections, as Markdown whose tables are whole; and the design is read as it was written."""
    plan, domain = read(name)
    texts = documents_of(plan, domain, "realtime")
    assert tuple(texts) == DOCUMENTS
    for document in (CHARTER, EXPLORATION):
        html = MarkdownIt("commonmark").enable("table").render(texts[document])
        assert html.count("<h1>") == 1
        assert "<p>|" not in html
        assert "\n\n\n" not in texts[document]
        assert "<li>\n<p>" not in html, "lists are in one piece"
    headings = {line.lstrip("# ") for line in texts[CHARTER].splitlines() if line.startswith("#")}
    assert headings >= SECTIONS
    for source in plan.sources:
        assert all(f"| `{column.name}` |" in texts[EXPLORATION] for column in source.stored)
    design = msgspec.convert(yaml.safe_load(texts[DOCUMENTS[2]]), Design)
    assert design_text(design) == texts[DOCUMENTS[2]]


def test_what_model_yaml_says_later_stands_there_and_what_it_leaves_out_is_open() -> None:
    """Nothing is claimed that nobody said."""
    plan, domain = read("churn")
    name, spec = domain.model(None)
    said = msgspec.structs.replace(
        spec, fairness=FairnessSpec(columns=("region",), max_gap=0.2), protected=("sex",), approval="human", targets={}
    )
    charter = documents_of(plan, domain._replace(models={name: said}), "realtime")[CHARTER]
    assert "groups by region are compared; a gap of 0.2 or more keeps a version from serving" in charter
    assert "No feature may be computed from sex" in charter
    assert "none stated" in charter
    assert "Which groups must be treated alike" not in charter
    assert "- [ ] Who approves of a version" in charter
    assert "- [ ] Which figure is wanted of it" in charter
    before = documents_of(plan, domain, "realtime")[CHARTER]
    assert "no claim of fairness can be made" in before
    assert "- [ ] Which groups must be treated alike" in before


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("binary", "compare churn` tells outcome rates and their difference"),
        ("multiclass", "compare churn` tells how often decisions are right and their difference"),
        ("regression", "compare churn` tells mean outcomes and their difference"),
        ("anomaly", "For `churn` join score records and"),
    ],
)
def test_arms_are_compared_by_what_comes_of_their_scores(task: Task, told: str) -> None:
    """Where labels tell it."""
    plan, domain = read("churn")
    of_task = msgspec.structs.replace(domain.model(None)[1], task=task)
    charter = documents_of(plan, domain._replace(models={"churn": of_task}), "realtime")[CHARTER]
    assert told in charter
    assert ("**Outcomes**: `millstream models compare`" in charter) == (task != "anomaly")
