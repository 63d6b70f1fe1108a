"""A domain's documents: charter, exploration plan and design, made from what its declarations say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.design import DESIGN_FILE, Deployment, Design, Slos, declared_design
from deploy.scaffold.templates import render
from features.domain import Domain
from features.head import UNSUPERVISED, Task
from features.model_file import LOWER_IS_BETTER, ModelSpec
from features.plan import NUMERIC, ColumnPlan, ColumnType, Plan, SourcePlan
from features.windows import DAY_US

CHARTER: Final = "docs/ml-project-charter.md"
EXPLORATION: Final = "docs/data-exploration-plan.md"
DOCUMENTS: Final = (CHARTER, EXPLORATION, str(DESIGN_FILE))
CARD: Final[Mapping[str, str]] = {
    "intended_use": "What it is for, and who acts on a score",
    "owner": "Who answers for it",
    "maintenance": "Who trains it anew, and when",
}
LEADING: Final[Mapping[Task, str]] = {"regression": "r2", "clustering": "silhouette", "anomaly": "stability"}
"""What the automatic checks bound of a model that has no accuracy."""

NUMBER: Final = "distribution, zeros and negatives, outliers, change over time"
LOOKS: Final[Mapping[ColumnType, str]] = {
    "string": "how many different ones, how often each, those that come once",
    "bool": "share that is true, and its change over time",
    "timestamp": "how long before or after the request, and its change over time",
}
SCORE_P99_MS: Final = 25.0
"""Where the alert MillstreamScorerSlow stands."""


def documents_of(plan: Plan, domain: Domain, deployment: Deployment) -> dict[str, str]:
    """Their texts by file name."""
    slos = Slos(score_p99_ms=SCORE_P99_MS if deployment == "realtime" else None)
    design = declared_design(plan, domain, deployment, slos)
    models = {name: _model(plan, domain, name, spec) for name, spec in domain.models.items()}
    content = {"domain": domain, "design": design, "models": models}
    return {
        CHARTER: render(
            "every/ml-project-charter.md.j2",
            **content,
            kept={source.topic: _kept(plan, source.topic) for source in plan.sources},
            compared=any(spec.task not in UNSUPERVISED and spec.dataset is None for spec in domain.models.values()),
            open=list(_open_points(plan, domain)),
        ),
        EXPLORATION: render(
            "every/data-exploration-plan.md.j2",
            **content,
            sources=list(map(_source, plan.sources)),
            fields=_fields(plan),
            labelled=any(spec.task not in UNSUPERVISED for spec in domain.models.values()),
        ),
        str(DESIGN_FILE): design_text(design),
    }


def design_text(design: Design) -> str:
    """The file, with a word on each part."""
    return render("every/ml-system-design.yaml.j2", design=design)


def _model(plan: Plan, domain: Domain, name: str, spec: ModelSpec) -> Mapping[str, Any]:
    """What the templates say of a model."""
    features = plan.service(spec.service).features
    return {
        "spec": spec,
        "label": _label(domain, name, spec),
        "asked": sum(one.kind == "request" for one in features),
        "key": " and ".join(
            dict.fromkeys(key.name for view in plan.views_of_service(spec.service) for key in view.keys)
        ),
        "views": [f"`{view.name}`" for view in plan.views_of_service(spec.service)],
        "targets": [f"{figure} {_bound(figure)} {value:g}" for figure, value in spec.targets.items()],
        "measure": "R²" if spec.task == "regression" else "ROC AUC",
        "leading": LEADING.get(spec.task, "accuracy"),
        "least": next(
            bound
            for bound in (spec.checks.min_silhouette, spec.checks.min_stability, spec.checks.min_accuracy)
            if bound is not None
        ),
    }


def _bound(figure: str) -> str:
    return "at most" if figure in LOWER_IS_BETTER else "at least"


def _label(domain: Domain, name: str, spec: ModelSpec) -> str:
    """Where labels come from, or what their SQL says of itself in the comment that it begins with."""
    if spec.dataset is not None:
        return (
            f"none: rows of `{spec.dataset.url}`"
            if spec.task == "clustering"
            else f"the column `label` of `{spec.dataset.url}`"
        )
    lines: list[str] = []
    for line in domain.labels_sql(name).strip().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines) or f"the column `label` of `{spec.labels}`"


def _open_points(plan: Plan, domain: Domain) -> Iterator[str]:
    """What nobody has said yet."""
    for name, spec in domain.models.items():
        where = f"`models.{name}` of `model.yaml`"
        if not spec.targets:
            yield f"Which figure is wanted of it: `targets` in {where}."
        if not spec.protected and not spec.fairness.columns:
            yield f"Which groups must be treated alike: `fairness.columns` and `protected` in {where}."
        if spec.approval == "human" and not spec.approvers:
            yield f"Who approves of a version: `people`, and `approvers` in {where}."
        for word, meaning in CARD.items():
            if not getattr(spec.card, word):
                yield f"{meaning}: `card.{word}` in {where}."
    if not all(source.topic in plan.retention_us for source in plan.sources):
        yield "How long events are kept: the tag `retention` in `definitions.py`; now some are kept for ever."
    keys = sorted({key.name for view in plan.views for key in view.keys})
    whom = ", ".join(f"`{key}`" for key in keys) or "a row"
    yield f"Whether {whom} stands for a person, and which law holds then."


def _source(source: SourcePlan) -> Mapping[str, Any]:
    """What there is to look at of a topic, column by column."""
    return {
        "topic": source.topic,
        "timestamp": source.timestamp_column,
        "columns": [
            {"name": column.name, "type": column.type, "nullable": column.nullable, "look": _look(source, column)}
            for column in source.stored
        ],
    }


def _fields(plan: Plan) -> list[Mapping[str, str]]:
    """What there is to look at of each field that a request brings."""
    asked = {p.name: p.type for one in plan.request_features for p in one.parameters if p.view is None}
    return [{"name": name, "type": kind, "look": LOOKS.get(kind, NUMBER)} for name, kind in asked.items()]


def _look(source: SourcePlan, column: ColumnPlan) -> str:
    if column.name == source.timestamp_column:
        return "gaps, bursts, hours and weekdays, the newest and the oldest"
    names = column.type in NUMERIC and column.decimals is None
    return LOOKS["string"] if names else LOOKS.get(column.type, NUMBER)


def _kept(plan: Plan, topic: str) -> str:
    """How long the lake keeps events of a topic."""
    us = plan.retention_us.get(topic)
    return "for ever" if us is None else f"for {us / DAY_US:g} days"
