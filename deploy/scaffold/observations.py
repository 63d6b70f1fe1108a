"""A beginning from a file of observations, which has no instants: what a request brings is what a model is given."""

from __future__ import annotations

from typing import Any, Final

from deploy.scaffold.answers import Answers
from deploy.scaffold.beginning import Beginning, ModelFacts
from deploy.scaffold.columns import Column, Events
from deploy.scaffold.inputs import find_inputs
from deploy.scaffold.label import Label, find_label
from deploy.scaffold.learning import Learning, learning_of
from deploy.scaffold.templates import render
from features.errors import DomainError

TEST_SHARE: Final = 0.25
VIEW: Final = "row"


def begin_with_observations(connection: Any, rows: Events, answers: Answers) -> Beginning:
    """Declarations for a table, as ``given``; DomainError where it does not say what to predict."""
    for flag in ("entity", "timestamp", "horizon"):
        if getattr(answers, flag):
            raise DomainError(f"--{flag}", "is of events, and here each row is by itself", "leave it out")
    _require_plain(connection, rows)
    target = _target(rows, answers)
    label = None if target is None else find_label(connection, target, regression=answers.model_type == "regression")
    inputs = find_inputs(connection, rows, answers.model_type, target)
    model = "groups" if target is None else target.name.lower()
    context = {"inputs": inputs, "view": VIEW, "model": model, "source": rows.name}
    query = render("observations/query.sql.j2", inputs=inputs, label=label, target=target)
    learning = learning_of(connection, inputs, target, label, VIEW)
    left_out = sorted({column.given for column in rows.columns} | set(rows.left_out))
    left_out = [name for name in left_out if name not in inputs.taken and (target is None or name != target.given)]
    return Beginning(
        files={
            "definitions.py": render("observations/definitions.py.j2", **context),
            "transforms.py": render("observations/transforms.py.j2", **context),
        },
        model=_facts(model, rows, target, label, learning, query),
        notes=(f"no inputs of this kind of model: {', '.join(left_out)}",) if left_out else (),
    )


def _require_plain(connection: Any, rows: Events) -> None:
    """DomainError for a CSV file of a form that a training would read otherwise."""
    if rows.reader != "read_csv":
        return
    delimiter, quote, header = connection.execute(
        "SELECT Delimiter, Quote, HasHeader FROM sniff_csv($file)", {"file": str(rows.path)}
    ).fetchone()
    if delimiter != "," or not header or quote == "'":
        problem = "is no CSV with commas, double quotes and a first row of names"
        raise DomainError(rows.where, problem, "write it so, or as Parquet")


def _target(rows: Events, answers: Answers) -> Column | None:
    if answers.model_type == "clustering":
        if answers.target:
            raise DomainError("--target", "is not for clustering, which is told nothing", "leave it out")
        return None
    if not answers.target:
        names = ", ".join(column.name for column in rows.columns)
        raise DomainError(
            rows.where, "has no instants, so its rows are no events: what is the label?", f"say --target of {names}"
        )
    return rows.column(answers.target)


def _facts(
    model: str, rows: Events, target: Column | None, label: Label | None, learning: Learning, query: str
) -> ModelFacts:
    what = "" if target is None else f" that say what {target.name} is"
    return ModelFacts(
        name=model,
        task="clustering" if label is None else label.task,
        predicts=(
            "Puts rows into groups that are like each other."
            if label is None
            else f"{label.sentence}, from what else the row says."
        ),
        baseline=learning.baseline,
        algorithm=learning.algorithm,
        params=dict(learning.params),
        searched=learning.searched,
        texts=dict(learning.texts),
        check=learning.check,
        least=learning.least,
        why=learning.why,
        limitations=(
            f"Learned from the {learning.rows:,} rows of {rows.name}{what}. They have no instants: whether it"
            " holds later, nothing here can tell."
        ),
        ethics=(
            "Nobody has judged yet whom a wrong answer harms. Whether a row stands for a person, and which groups must"
            " be treated alike, is for the owner to say."
        ),
        dataset_url=rows.where,
        dataset_query=query,
        test_share=TEST_SHARE,
        categories=learning.categories,
        decision=None if label is None else label.decision,
        classes=() if label is None else label.classes,
    )
