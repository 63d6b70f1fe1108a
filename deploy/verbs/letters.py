"""Dead letters: dead-letters list, count, redrive."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.invocation import Invocation, Outcome

ACTION = Annotated[str, typer.Argument(help="list, count or redrive.")]
POSITIONS = Annotated[list[str] | None, typer.Argument(help="Letters to re-drive: log/partition/offset.")]
TOPIC = Annotated[str | None, typer.Option("--topic", help="Of this topic only.")]
ALL = Annotated[bool, typer.Option("--all", help="Re-drive every letter that was not re-driven yet.")]
VALUE = Annotated[str | None, typer.Option("--value", help="Send this value instead: the record, mended.")]
LIMIT = Annotated[int, typer.Option("--limit", min=1, help="Letters to list.")]


def dead_letters(
    call: Invocation,
    action: ACTION = "list",
    positions: POSITIONS = None,
    topic: TOPIC = None,
    every: ALL = False,
    value: VALUE = None,
    limit: LIMIT = 20,
) -> Outcome:
    """List or count records that were refused, or send them again as new records."""
    from deploy.letters import count_letters, read_letters, redrive
    from features.errors import RequestError
    from features.lake import open_site_lake

    lake = open_site_lake(call.settings, call.project)
    letters = list(read_letters(lake, call.serving_plan, [topic] if topic else None))
    counts = count_letters(letters)
    total = f"{len(letters):,} dead letters" + "".join(f", {count:,} {code}" for code, count in counts.items())
    data = {"dead_letters": len(letters), "by_reason": counts}
    if action == "count":
        return Outcome(data, total)
    if action == "list":
        rows = [
            {
                "topic": x.topic,
                "position": x.position,
                "reason": x.reason,
                "redriven": x.redriven,
                "value": show(x.value),
            }
            for x in letters[:limit]
        ]
        lines = [
            f"{row['topic']} {row['position']} {row['reason']}{' (re-driven)' * bool(row['redriven'])}" for row in rows
        ]
        return Outcome({**data, "letters": rows}, "\n".join([total, *lines]))
    if action != "redrive":
        raise RequestError("dead-letters", f"{action!r} is no action", "say list, count or redrive")
    chosen = [letter.position for letter in letters if not letter.redriven] if every else positions or []
    if not chosen and not every:
        raise RequestError("dead-letters", "no letter is named", "name positions, or say --all")
    broker = call.reaching("kafka").kafka.bootstrap_servers
    sent = redrive(broker, letters, chosen, None if value is None else value.encode())
    return Outcome({"redriven": sent, "positions": chosen}, f"{sent:,} letters sent again")


def show(value: bytes | None) -> str | None:
    """A refused value, as far as it is text."""
    return None if value is None else value.decode("utf-8", "replace")
