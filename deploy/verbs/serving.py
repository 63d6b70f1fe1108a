"""What is served: score, features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from grpc_api.client_types import Explanation

AS_OF = Annotated[str | None, typer.Option("--as-of", help="Instant to score at, UTC; none: now.")]
MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]
SERVICE = Annotated[str | None, typer.Option("--service", help="The feature service; none: the model's.")]
OPEN = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Entity keys and request fields are options of their own: ``--<key> <value>``."""


EXPLAIN = Annotated[bool, typer.Option("--explain", help="Show what each feature contributed, and leave no record.")]
TOP = Annotated[int | None, typer.Option("--top", help="With --explain: only so many features.", min=1)]


def score(
    call: Invocation,
    context: typer.Context,
    model: MODEL = None,
    as_of: AS_OF = None,
    explain: EXPLAIN = False,
    top: TOP = None,
) -> Outcome:
    """Score one entity, named by its keys: millstream score --<key> <value>."""
    from deploy.instants import parse_instant
    from deploy.own_client import open_client
    from deploy.question import read_question

    name, spec = call.domain.model(model)
    question = read_question(context.args, call.serving_plan, spec.service)
    instant = None if as_of is None else parse_instant("--as-of", as_of)
    explained = None
    with open_client(call.reaching("scorer")) as client:
        if explain:
            explained = client.explain(question.entity, model=name, as_of=instant, request=question.request, top=top)
            found = explained.answer
        else:
            found = client.score(question.entity, model=name, as_of=instant, request=question.request)
    age = None if found.newest_feature_age is None else found.newest_feature_age.total_seconds()
    data: dict[str, Any] = {
        "score": found.score,
        "raw_score": found.raw_score,
        "decision": found.decision,
        "classes": {one.name: one.score for one in found.classes},
        "model": found.model,
        "version": found.version,
        "as_of": found.as_of.isoformat(),
        "entity": dict(question.entity),
        "newest_feature_age_s": age,
        "view_hashes": dict(found.view_hashes),
        "notes": notes_of(found),
    }
    known = ""  # of whom there are no views
    if found.view_hashes:
        known = ", unknown to every view" if age is None else f", last seen {age / 86_400:,.1f} days before"
    lines = [
        f"{found.decision}: {found.score:.4f}" if found.decision else f"{found.score:,.6g}",
        f"  {found.model} version {found.version}, as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC{known}",
        *(f"  {one.name}: {one.score:.4f}" for one in found.classes),
        *(f"  note: {note.feature} {note.reason}" for note in found.notes),
    ]
    if explained is not None:
        data["explanation"] = explanation_of(explained)
        lines += explanation_lines(explained)
    return Outcome(data, "\n".join(lines))


def features(call: Invocation, context: typer.Context, service: SERVICE = None, as_of: AS_OF = None) -> Outcome:
    """Show the features of one entity, finished as of an instant."""
    from deploy.instants import parse_instant
    from deploy.own_client import open_client
    from deploy.question import read_question

    service = service or call.domain.model(None)[1].service
    question = read_question(context.args, call.serving_plan, service)
    instant = None if as_of is None else parse_instant("--as-of", as_of)
    with open_client(call.reaching("scorer")) as client:
        found = client.get_features(question.entity, service=service, as_of=instant, request=question.request)
    data = {
        "service": found.service,
        "as_of": found.as_of.isoformat(),
        "entity": dict(question.entity),
        "features": found.values,
        "notes": notes_of(found),
    }
    width = max(len(feature.name) for feature in found.features)
    lines = [f"{feature.name:<{width}}  {show(feature.value)}" for feature in found.features]
    return Outcome(data, "\n".join(lines))


def explanation_of(explained: Explanation) -> dict[str, Any]:
    """An explanation as plain data."""
    return {
        "raw_score": explained.raw_score,
        "base": explained.base,
        "contributions": {one.feature: one.contribution for one in explained.contributions},
        "rest": explained.rest,
    }


def explanation_lines(explained: Explanation) -> list[str]:
    """An explanation for people: what sums to the raw score, with the value of each feature."""
    parts = [(one.feature, one.contribution, show(one.value)) for one in explained.contributions]
    if explained.rest:
        parts.append(("all others", explained.rest, ""))
    width = max(len(name) for name, _, _ in parts)
    return [
        f"  raw score {explained.raw_score:.4f} = {explained.base:.4f} on average, and by its features",
        *(f"  {name:<{width}}  {contribution:>+9.4f}  {value}".rstrip() for name, contribution, value in parts),
    ]


def notes_of(found: Any) -> list[dict[str, Any]]:
    """The notes of an answer as plain data."""
    return [{"feature": note.feature, "reason": note.reason, "defaulted": note.defaulted} for note in found.notes]


def show(value: float | None) -> str:
    """A feature for people."""
    return "null" if value is None else f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
