"""Proof and history: verify, backfill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from features.nouns import Knowledge
    from features.verify import VerifyReport

SHOWN = 20
"""Mismatches that are described."""
SHOWN_FOR_REPAIR = 10_000
"""Mismatches whose entities one run repairs."""

OUT = Annotated[Path | None, typer.Option("--out", help="Parquet file for the training set.")]
ONLINE = Annotated[bool, typer.Option("--to-online", help="Make the births that the store lacks from the lake.")]
REBUILD = Annotated[
    bool, typer.Option("--rebuild", help="With --to-online: make new births even where there are some.")
]
REPAIR = Annotated[
    bool, typer.Option("--repair", help="Make the states of mismatched entities anew from the lake, if it is sound.")
]
SAMPLE = Annotated[
    int | None, typer.Option("--sample", min=1, help="Check this many entities, drawn at random; none: every record.")
]
SEED = Annotated[int, typer.Option("--seed", help="With --sample: another seed draws other entities.")]
AS_KNOWN = Annotated[
    bool,
    typer.Option(
        "--as-known/--as-true", help="With --out: features of events that had arrived by then, or of all before."
    ),
]
ENGINE = Annotated[
    str,
    typer.Option("--engine", help="With --out: local, one file; dask: a folder of files, made on a Dask cluster."),
]
MODEL = Annotated[str | None, typer.Option("--model", help="The model; none: the domain's only one.")]


def verify(call: Invocation, repair: REPAIR = False, sample: SAMPLE = None, seed: SEED = 0) -> Outcome:
    """Prove recorded scores again from the lake, bit for bit; exit 1 on a mismatch or when nothing was checked."""
    import msgspec

    from deploy.rescoring import rescoring
    from features.clock import SystemClock
    from features.judge import judge_of
    from features.key_sample import KeySample
    from features.lake import open_site_lake
    from features.progress import progress_bar
    from features.verify import verify as run_verify
    from monitoring.verify_result import VerifyResult, save_verify_result

    lake = open_site_lake(call.settings, call.project)
    with progress_bar("verifying scores", None) as advance:
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            advance(count - done)
            done = count

        judge = judge_of(call.serving_plan, call.domain.models, call.state_dir, rescoring)
        keys = None if sample is None else KeySample(sample, seed=seed)
        report = run_verify(lake, judge, sample=keys, shown=SHOWN_FOR_REPAIR if repair else SHOWN, progress=progress)
    outcome = VerifyResult(
        ended_at_us=SystemClock().now_us(),
        checked=report.checked,
        mismatched=report.mismatched,
        waiting=report.waiting,
        lake_faults=len(report.lake_faults),
    )
    save_verify_result(outcome, call.state_dir / "reports")
    lines = [
        f"{report.checked:,} scores checked, {report.mismatched:,} mismatched, {report.waiting:,} not covered by the "
        f"lake yet, {report.supplied:,} with vectors supplied by the caller",
        f"  {report.rescored:,} run again through their models",
    ]
    if report.defaulted:
        lines.append(f"  {report.defaulted:,} were made without the store, by their model's policy")
    if report.unseen:
        lines.append(
            f"  {report.unseen:,} lacked an event a minute in Kafka: the stream was behind, or a state was lost"
        )
    if report.expired:
        lines.append(f"  {report.expired:,} look back on records that the lake has dropped")
    if report.erased:
        lines.append(f"  {report.erased:,} rested on events that were erased since, and cannot be proven any more")
    lines += [f"  {cause}: {count:,}" for cause, count in report.causes.items()]
    lines += [f"  {found.entity} {found.feature} ({found.cause}): {found.detail}" for found in report.mismatches]
    lines += [f"  lake: {fault}" for fault in report.lake_faults]
    code = ExitCode.OK if report.proven else ExitCode.FAILED
    facts = {**msgspec.to_builtins(report), "proven": report.proven}
    if repair:
        facts["repaired"] = repair_mismatched(call, report)
        lines.append(f"{facts['repaired']:,} states made anew from the lake; scores served before stay as recorded")
    return Outcome(facts, "\n".join(lines), code)


def repair_mismatched(call: Invocation, report: VerifyReport) -> int:
    """Repair the entities of a report's mismatches; a lake that is at fault itself is nothing to repair from."""
    import asyncio

    from deploy.repairs import repair_entities
    from features.errors import LakeCorruptError
    from features.lake import open_site_lake
    from features.plan_shelf import live_plans

    if report.lake_faults:
        raise LakeCorruptError("lake", f"is at fault itself ({report.lake_faults[0]}), so no state is made from it")
    lake = open_site_lake(call.settings, call.project)
    entities = [mismatch.entity for mismatch in report.mismatches]
    return asyncio.run(repair_entities(call.reaching("store"), live_plans(call.state_dir), lake, entities))


def backfill(
    call: Invocation,
    out: OUT = None,
    to_online: ONLINE = False,
    rebuild: REBUILD = False,
    model: MODEL = None,
    as_known: AS_KNOWN = False,
    engine: ENGINE = "local",
) -> Outcome:
    """Compute features from the lake: a training set as Parquet, or the states of the online store."""
    from features.errors import RequestError
    from features.nouns import engine_of

    if to_online == (out is not None):
        raise RequestError("backfill", "has nowhere to write to", "say either --out FILE or --to-online")
    if out is not None:
        from offline_training.training_set import write_training_set

        knowledge: Knowledge = "as_known" if as_known else "as_true"
        name, _ = call.domain.model(model)
        written = write_training_set(
            call.settings, call.serving_plan, call.domain, name, out, knowledge=knowledge, engine=engine_of(engine)
        )
        n_rows, left_out = written.n_rows, written.left_out
        lines = [f"{n_rows:,} observations: {out}"]
        if left_out.refused:
            lines.append(f"{left_out.refused:,} left out by the missing-value policy")
        if left_out.cut_off:
            lines.append(f"{left_out.cut_off:,} left out: they look back on records that the lake has dropped")
        return Outcome({"rows": n_rows, "file": str(out), "left_out": left_out._asdict()}, "\n".join(lines))
    if engine_of(engine) == "dask":
        raise RequestError("--engine dask", "makes training sets, not states", "leave it out with --to-online")
    import asyncio

    from deploy.births import make_births
    from deploy.only_one import only_one

    with only_one(call.state_dir):
        made = asyncio.run(make_births(call.reaching("store", "kafka"), call.state_dir, call.project, rebuild=rebuild))
    births = [
        {"view": one.birth.view, "birth": one.birth.id, "events": one.n_events, "entities": one.n_entities}
        for one in made
    ]
    lines = [f"{b['view']}: birth {b['birth']} from {b['events']:,} events, {b['entities']:,} entities" for b in births]
    return Outcome({"births": births}, "\n".join(lines) or "every view has its birth already")
