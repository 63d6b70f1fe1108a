"""What training sets must be: validate."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]
INFER = Annotated[
    bool, typer.Option("--infer", help="First write the suite into the domain folder, as this training set has it.")
]
REFRESH = Annotated[bool, typer.Option("--refresh", help="The same where there is one already: the next version.")]
FROM = Annotated[str, typer.Option("--from", help="lake, or scores: the training set that train --from has.")]
AS_KNOWN = Annotated[
    bool,
    typer.Option("--as-known/--as-true", help="Features of the events that had arrived by then, or of all before."),
]
ENGINE = Annotated[str, typer.Option("--engine", help="local: features are computed here. dask: on a Dask cluster.")]
SHOWN = 20
"""Changes of a suite that are told one by one."""


def validate(
    call: Invocation,
    model: MODEL = None,
    infer: INFER = False,
    refresh: REFRESH = False,
    source: FROM = "lake",
    as_known: AS_KNOWN = False,
    engine: ENGINE = "local",
) -> Outcome:
    """Hold the training set of a model to its ml_data_quality_suite, as train does; exit 1 where it does not pass."""
    import msgspec

    from features.nouns import engine_of, provenance_of
    from offline_training.training_set import open_engine, open_training_set
    from offline_training.validation import judge_set, write_inferred

    name, _ = call.domain.model(model)
    knowledge = provenance_of(source, as_known=as_known)
    plan = call.serving_plan
    lines: list[str] = []
    with (
        open_engine(call.settings, engine_of(engine)) as cluster,
        open_training_set(call.settings, plan, call.domain, name, knowledge=knowledge, cluster=cluster) as read,
    ):
        if infer or refresh:
            written = write_inferred(call.domain, name, read.data, refresh=refresh)
            lines.append(f"{written.path}: version {written.suite.version}, {len(written.changes)} changes")
            lines += [f"  {change}" for change in written.changes[:SHOWN]]
        reports = call.state_dir / "reports" / name
        verdict, page = judge_set(plan, call.domain, name, read.data, read.tables, reports)
    lines.append(f"{name}: {verdict.line()}")
    lines += [f"  {finding.line()}" for finding in verdict.failures]
    lines += [f"  waived {finding.line()} ({finding.waived})" for finding in verdict.waived]
    lines += [f"  {check} was not checked: {why}" for check, why in verdict.passed_over.items()]
    lines.append(f"  report: {page}")
    facts = {**msgspec.to_builtins(verdict), "passed": verdict.passed, "report": str(page)}
    return Outcome(facts, "\n".join(lines), ExitCode.OK if verdict.passed else ExitCode.FAILED)
