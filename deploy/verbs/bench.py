"""The benches: bench stream, bench score, bench backfill."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

WHAT = Annotated[str, typer.Argument(help="stream, score or backfill.")]
BENCHES = ("stream", "score", "backfill")


def bench(call: Invocation, what: WHAT) -> Outcome:
    """Measure a part against its bar, with servers, data and model of its own; exit 1 when the bar is missed."""
    from importlib import import_module

    from features.errors import RequestError

    if what not in BENCHES:
        raise RequestError("bench", f"there is no bench {what!r}", f"there are {', '.join(BENCHES)}")
    result = import_module(f"deploy.bench_{what}").run_bench(note=call.note)
    data = dict(result.data)
    lines = [f"{name:<32} {value}" for name, value in data.items()]
    return Outcome(data, "\n".join(lines), ExitCode.OK if result.bar_met else ExitCode.FAILED)
