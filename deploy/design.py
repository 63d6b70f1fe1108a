"""``architecture/ml-system-design.yaml``: its form, and what differs from the declarations."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from features.domain import Domain
from features.errors import DomainError
from features.model_file import ModelStruct
from features.plan import Plan
from features.text_file import read_yaml

DESIGN_FILE: Final = Path("architecture") / "ml-system-design.yaml"

COMPONENTS: Final = ("tansu", "valkey", "mlflow", "worker", "scorer", "model-sync", "monitor")
"""Processes of the embedded stack."""

Deployment: TypeAlias = Literal["realtime", "batch"]


class TopicDesign(ModelStruct, frozen=True, kw_only=True):
    """A topic that events come from."""

    timestamp: str
    columns: tuple[str, ...]


class ViewDesign(ModelStruct, frozen=True, kw_only=True):
    """A feature view: what feeds it, and whose features it holds."""

    topics: tuple[str, ...]
    keys: tuple[str, ...]


class ModelDesign(ModelStruct, frozen=True, kw_only=True):
    """A model: what it predicts, from which views and what dataset beside the lake, and who approves of it."""

    task: str
    horizon: str | None = None
    views: tuple[str, ...] = ()
    dataset: str | None = None
    approval: str
    targets: dict[str, float] = msgspec.field(default_factory=dict)


class StoresDesign(ModelStruct, frozen=True, kw_only=True):
    """What keeps the data."""

    online: Literal["redis"] = "redis"
    lake: Literal["parquet"] = "parquet"
    registry: Literal["mlflow"] = "mlflow"


class Slos(ModelStruct, frozen=True, kw_only=True):
    """What is promised of the running system; None is no promise."""

    score_p99_ms: float | None = None
    unproven_scores: int | None = 0


class Design(ModelStruct, frozen=True, kw_only=True):
    """The whole file; ``components`` are processes of the stack."""

    project: str
    deployment: Deployment
    components: tuple[str, ...] = COMPONENTS
    stores: StoresDesign = StoresDesign()
    topics: dict[str, TopicDesign]
    views: dict[str, ViewDesign]
    models: dict[str, ModelDesign]
    slos: Slos = Slos()


def read_design(repo: Path) -> Design:
    """The file of a domain; DomainError where it is missing or of another form."""
    path = repo / DESIGN_FILE
    try:
        return msgspec.convert(read_yaml(path), Design)
    except FileNotFoundError:
        raise DomainError(str(path), "is missing", "`millstream new` writes one") from None
    except msgspec.ValidationError as error:
        raise DomainError(str(path), f"is no design ({error})", "see docs/projects.md") from error


def declared_design(plan: Plan, domain: Domain, deployment: Deployment, slos: Slos) -> Design:
    """The design that the declarations of a domain amount to."""
    return Design(
        project=domain.project,
        deployment=deployment,
        topics={
            source.topic: TopicDesign(
                timestamp=source.timestamp_column, columns=tuple(column.name for column in source.columns)
            )
            for source in plan.sources
        },
        views={
            view.name: ViewDesign(topics=view.topics, keys=tuple(key.name for key in view.keys)) for view in plan.views
        },
        models={
            name: ModelDesign(
                task=spec.task,
                horizon=spec.horizon,
                views=tuple(view.name for view in plan.views_of_service(spec.service)),
                dataset=None if spec.dataset is None else spec.dataset.url,
                approval=spec.approval,
                targets=dict(spec.targets),
            )
            for name, spec in domain.models.items()
        },
        slos=slos,
    )


def differences(design: Design, plan: Plan, domain: Domain) -> list[str]:
    """Where the file and the declarations disagree, a line each."""
    declared = declared_design(plan, domain, design.deployment, design.slos)
    return [
        line
        for part in ("project", "topics", "views", "models")
        for line in _compare(part, *(msgspec.to_builtins(getattr(side, part)) for side in (design, declared)))
    ]


def _compare(where: str, said: Any, declared: Any) -> Iterator[str]:
    if isinstance(said, dict) and isinstance(declared, dict):
        for name in {**declared, **said}:
            place = f"{where}.{name}"
            if name not in said:
                yield f"{place}: is declared and not in the design"
            elif name not in declared:
                yield f"{place}: is in the design and not declared"
            else:
                yield from _compare(place, said[name], declared[name])
    elif said != declared:
        yield f"{where}: the design says {said}, declared is {declared}"
