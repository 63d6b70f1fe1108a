"""What is predicted of a file's rows: the SQL of the label, and what its values mean."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from deploy.scaffold.columns import Column, literal
from features.errors import DomainError

MAX_CLASSES: Final = 20


class Label(NamedTuple):
    """One label; ``decision`` is positive, negative."""

    task: str
    sentence: str
    sql: str
    decision: tuple[str, str] | None = None
    classes: tuple[str, ...] = ()


def find_label(connection: Any, target: Column, *, regression: bool) -> Label:
    """The label that a column is; DomainError where it is none of that kind."""
    of = f"the {target.name} of a row"
    if regression:
        if target.decimals is None:
            raise DomainError(f"--target {target.given}", "is no number", "name a column of amounts")
        return Label("regression", f"Predicts {of}", target.as_double)
    if target.type == "boolean":
        decision = (target.name, f"no_{target.name}")
        return Label("binary", f"Tells whether a row has {target.name}", f"CAST({target.read} AS INTEGER)", decision)
    names = classes_of(connection, target)
    if len(names) == 2:
        positive, negative = names
        sql = f"CAST({target.as_text} = {literal(positive)} AS INTEGER)"
        return Label("binary", f"Tells {of}", sql, (positive, negative))
    return Label("multiclass", f"Tells {of}", target.as_text, classes=tuple(sorted(names)))


def classes_of(connection: Any, target: Column) -> tuple[str, ...]:
    """The names in a column, the rarest first, but 1 before 0; DomainError where it holds no classes."""
    if target.type not in {"string", "int", "bigint"} or not 2 <= target.distinct <= MAX_CLASSES:
        raise DomainError(
            f"--target {target.given}",
            f"has {target.distinct} values, and is a {target.type}: it names no classes",
            f"name a column of 2 to {MAX_CLASSES} names, or one that is true or false; amounts are for regression",
        )
    counted = connection.execute(
        f"SELECT {target.as_text} AS name, count(*) FROM given WHERE name IS NOT NULL GROUP BY 1 ORDER BY 2, 1"  # noqa: S608
    ).fetchall()
    names = tuple(str(name) for name, _ in counted)
    return ("1", "0") if set(names) == {"0", "1"} else names
