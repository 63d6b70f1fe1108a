"""The benches: bench stream, bench score, bench backfill, bench aggregates, bench store."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

WHAT = Annotated[str, typer.Argument(help="stream, score, backfill, aggregates or store.")]
BENCHES = ("stream", "score", "backfill", "aggregates", "store")


def bench(call: Invocation, what: WHAT) -> Outcome:
    """Measure a part against its bar, with servers, data and model of its own; exit 1 when the bar is missed."""
    from importlib import import_module

    from features.errors import RequestError

    if what not in BENCHES:
        raise RequestError("bench", f"there is no bench {what!r}", f"there are {', '.join(BENCHES)}")
    call.note(f"running bench {what}; leave the machine alone meanwhile")
    figures = getattr(import_module(f"deploy.bench_{what}"), f"bench_{what}")()
    width = max(len(name) for name in figures)
    lines = [f"{name:<{width}}  {value}" for name, value in figures.items()]
    return Outcome(figures, "\n".join(lines), ExitCode.OK if figures["passed"] else ExitCode.FAILED)
