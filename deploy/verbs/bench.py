"""The benches: bench stream, score, swaps, overload, backfill, aggregates, store, hot-keys, train and faults."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

BENCHES = ("stream", "score", "swaps", "overload", "backfill", "aggregates", "store", "hot-keys", "train", "faults")
WHAT = Annotated[str, typer.Argument(help=f"{', '.join(BENCHES[:-1])} or {BENCHES[-1]}.")]
SEED = Annotated[int | None, typer.Option("--seed", help="faults: which events and faults, and in which order.")]
MINUTES = Annotated[
    float | None, typer.Option("--minutes", help="faults, train: how long; thirty hold a hundred faults.")
]
PEERS = Annotated[bool, typer.Option("--peers", help="stream, score: against what else does the same.")]
TAKES = {"peers": ("stream", "score"), "seed": ("faults",), "minutes": ("faults", "train")}
"""Which benches an option belongs to."""
TELL = {bench for benches in TAKES.values() for bench in benches}
"""Which benches tell how far they are."""


def bench(call: Invocation, what: WHAT, *, peers: PEERS = False, seed: SEED = None, minutes: MINUTES = None) -> Outcome:
    """Measure a part against its bar, with servers, data and model of its own; exit 1 when the bar is missed."""
    from importlib import import_module

    from features.errors import RequestError

    if what not in BENCHES:
        raise RequestError("bench", f"there is no bench {what!r}", f"there are {', '.join(BENCHES)}")
    given = {"peers": peers or None, "seed": seed, "minutes": minutes}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in options:
        if what not in TAKES[name]:
            raise RequestError(f"--{name}", f"bench {what} takes no such option", "leave it out")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a bench that is stopped stops its servers
    call.note(f"running bench {what}; leave the machine alone meanwhile")
    if what in TELL:
        options["note"] = call.note
    module = f"bench_{what.replace('-', '_')}"
    figures = getattr(import_module(f"deploy.{module}"), module)(**options)
    return Outcome(figures, shown(what, figures, peers=peers), ExitCode.OK if figures["passed"] else ExitCode.FAILED)


def shown(what: str, figures: Mapping[str, Any], *, peers: bool) -> str:
    """Figures for people: with peers as tables, as on the page of all benches."""
    if peers:
        from deploy.performance_page import SECTIONS

        return "\n".join(SECTIONS[what](figures))
    width = max(len(name) for name in figures)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in figures.items())
