"""Erasure: forget."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

ENTITY = Annotated[
    list[str] | None,
    typer.Option("--entity", help="Join key and value, key=value; once for each key of the entity.", metavar="KEY=…"),
]
AGAIN = Annotated[
    bool, typer.Option("--again", help="Carry out all recorded erasures anew: after a lake was brought back.")
]

EXPIRED = Annotated[
    bool, typer.Option("--expired", help="Drop the lake files of topics with a retention that are older than it.")
]


def forget(call: Invocation, entity: ENTITY = None, again: AGAIN = False, expired: EXPIRED = False) -> Outcome:
    """Erase an entity from store, lake, score records and dead letters, and prove it; exit 1 if anything is left."""
    import asyncio

    import msgspec

    from deploy.forgetting import copies_at_broker, forget_entity, read_entity, to_facts
    from features.errors import RequestError
    from features.plan_shelf import live_plans

    if [bool(entity), again, expired].count(True) != 1:
        raise RequestError("forget", "is told nothing, or too much", "say --entity key=value, --again or --expired")
    if expired:
        return drop_expired(call)
    plans = live_plans(call.state_dir)
    named = None if again else read_entity(entity or [], plans)
    found = asyncio.run(forget_entity(call.reaching("kafka", "store", "registry"), plans, named))
    kept = copies_at_broker(call.settings, plans, found)
    lines = [
        f"{found.rows_erased:,} records erased in {found.files_rewritten:,} lake files, "
        f"{found.states_made_anew:,} states of others made anew",
        f"searched {found.files_searched:,} files: {found.rows_found:,} records found; "
        f"{found.keys_searched:,} keys, {found.fields_searched:,} fields: {found.fields_found:,} found",
        *(
            [f"{found.rows_unsearchable:,} refused records of a binary format cannot be read: whom they name is open"]
            if found.rows_unsearchable
            else []
        ),
        "the broker's own copies end with the retention of their topics:",
        *(f"  {topic} {retention(kept_ms)}" for topic, kept_ms in kept.items()),
        *(f"erasure {erasure.id} of {', '.join(erasure.keys)} {erasure.hash[:16]}" for erasure in found.erasures),
    ]
    data = {
        **msgspec.structs.asdict(found),
        "erasures": [to_facts(erasure) for erasure in found.erasures],
        "proven": found.proven,
        "broker_retention_ms": kept,
    }
    return Outcome(data, "\n".join(lines), ExitCode.OK if found.proven else ExitCode.FAILED)


def drop_expired(call: Invocation) -> Outcome:
    """Drop what the domain's retention no longer keeps."""
    from deploy.expiry import drop_expired_files
    from features.plan_shelf import live_plans

    dropped = drop_expired_files(call.settings, live_plans(call.state_dir))
    data = {topic: {"files": each.files, "records": each.rows} for topic, each in dropped.items()}
    lines = [f"{topic}: {each.rows:,} records in {each.files:,} files dropped" for topic, each in dropped.items()]
    return Outcome({"dropped": data}, "\n".join(lines) or "no topic has a retention")


def retention(kept_ms: int | None) -> str:
    """How long a topic's records are kept, for people."""
    if kept_ms is None:
        return "the broker does not say how long"
    return "for ever" if kept_ms < 0 else f"retention.ms={kept_ms} ({kept_ms / 86_400_000:g} days)"
