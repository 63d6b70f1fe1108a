"""How a model of a file's rows is learned to begin with, and what can be asked of it at least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from deploy.scaffold.columns import Column, literal
from deploy.scaffold.inputs import Inputs
from deploy.scaffold.label import Label
from features.errors import DomainError

GROUPS: Final = 3
STRUCTURE: Final = 0.25
"""Silhouette below which there is no structure worth the name (Kaufman and Rousseeuw, 1990)."""


class Learning(NamedTuple):
    """Algorithm, preparation, the simplest ranking, and the bound ``check`` of the automatic checks with its reason."""

    rows: int
    algorithm: str
    params: Mapping[str, int | float]
    check: str
    least: float
    why: str
    baseline: str | None = None
    searched: bool = False
    categories: tuple[str, ...] = ()
    texts: Mapping[str, str] = {}


def learning_of(connection: Any, inputs: Inputs, target: Column | None, label: Label | None, view: str) -> Learning:
    """What suits the inputs; DomainError where the label has one value."""
    if target is None or label is None:
        (rows,) = connection.execute("SELECT count(*) FROM given").fetchone()
        why = "a silhouette below it says that there is no structure worth the name"
        return Learning(rows, "kmeans", {"n_clusters": GROUPS}, "min_silhouette", STRUCTURE, why)
    rows, least, why = _asked(connection, target, label)
    if inputs.text is not None:
        words = {inputs.text.name: f"{view}:word_"}
        return Learning(
            rows, "logistic_regression", {}, "min_accuracy", least, why, baseline=f"{view}:n_words", texts=words
        )
    if inputs.pixels is not None:
        brightest = f"{view}:{inputs.pixels.name}_{inputs.pixels.length // 2}"
        return Learning(rows, "cnn", {}, "min_accuracy", least, why, baseline=brightest)
    params = {
        "num_iterations": 200,
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": max(5, min(1_000, rows // 200)),
        "feature_fraction": 0.5,
        "lambda_l2": 1.0,
    }
    baseline = f"{view}:{_simplest(connection, label, inputs.numbers)}"
    categories = tuple(f"{view}:{one.column.name}_code" for one in inputs.coded)
    return Learning(
        rows, "lightgbm", params, "min_accuracy", least, why, baseline, searched=True, categories=categories
    )


def _asked(connection: Any, target: Column, label: Label) -> tuple[int, float, str]:
    """How many rows have a label, the least that can be asked of a model, and why."""
    rows, distinct, most = connection.execute(
        f"SELECT sum(n), count(*), max(n) FROM (SELECT {label.sql} AS label, count(*) AS n FROM given"  # noqa: S608 - quoted
        f" WHERE {target.read} IS NOT NULL GROUP BY 1)"
    ).fetchone()
    if distinct < 2:
        raise DomainError(f"--target {target.given}", "has one value: there is nothing to learn", "name another column")
    if label.task == "regression":
        return rows, 0.0, "r2: always naming the mean has 0"
    share = most / rows
    return rows, int(max(0.0, share - 0.05) * 100) / 100, f"always naming the commoner outcome has {share:.2f}"


def _simplest(connection: Any, label: Label, numbers: tuple[Column, ...]) -> str:
    """The number that goes with the label most, in a straight line."""
    classes = ", ".join(map(literal, label.classes))
    order = label.sql if label.task != "multiclass" else f"list_position([{classes}], {label.sql})"
    asked = ", ".join(f"coalesce(abs(corr({column.as_double}, ({order})::DOUBLE)), 0)" for column in numbers)
    found = connection.execute(f"SELECT {asked} FROM given").fetchone()  # noqa: S608 - names are quoted
    return max(zip(found, (column.name for column in numbers), strict=True))[1]
