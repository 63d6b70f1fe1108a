"""``millstream bench faults``: a site of Apache Kafka and Redis that is hurt by a seeded schedule under load.

At the end an oracle over what was sent says whether anything was lost, counted twice, or left unaccounted for.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from deploy.faults.judge import judge
from deploy.faults.payments import Payments
from deploy.faults.production_site import ProductionSite
from deploy.faults.schedule import KINDS, schedule
from features.errors import RequestError
from streams.watchdog import EXIT_STALLED

EVENTS_A_MINUTE: Final = 334_000
FAULTS_A_MINUTE: Final = 3.4
"""Ten million events and a hundred faults in half an hour."""
SEND_S: Final = 1_200.0


class Load(NamedTuple):
    """What a run consists of. A fault that takes longer than its share of the time puts the others off."""

    seconds: float
    n_events: int
    kinds: Sequence[str]


def load_of(seed: int, minutes: float) -> Load:
    """The load of a run of so many minutes."""
    n_faults = max(1, round(minutes * FAULTS_A_MINUTE))
    return Load(60 * minutes, max(1, round(minutes * EVENTS_A_MINUTE)), schedule(seed, n_faults))


def bench_faults(
    *, seed: int = 1, minutes: float = 5.0, note: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Run it; ``passed`` says whether the law held."""
    if minutes <= 0:
        raise RequestError("--minutes", f"{minutes:g} is no time to run", "give it more than none")
    with tempfile.TemporaryDirectory(prefix="millstream-faults-") as name:
        return run_faults(Path(name), seed, load_of(seed, minutes), note)


def run_faults(folder: Path, seed: int, load: Load, note: Callable[[str], None]) -> dict[str, Any]:
    """A whole run in a site of its own."""
    began_s = time.monotonic()
    with ExitStack() as running:
        site = ProductionSite(folder, running, Payments(seed, load.n_events), seconds=load.seconds, note=note)
        hurt(site, seed, load, note)
        judged_s = time.monotonic()
        verdict = judge(site)
    note(f"{verdict.verified} scores and {site.sent.n} records: all is judged ({time.monotonic() - judged_s:.1f} s)")
    for finding in verdict.findings:
        note(finding)
    return {
        "events": site.sent.n,
        "faults": len(load.kinds),
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "differing": verdict.differing,
        "unaccounted_dead_letters": verdict.unaccounted_dead_letters,
        "verified": verdict.verified,
        "mismatched": verdict.mismatched,
        "scores_refused": site.questions.n_refused,
        "kinds": dict(sorted(Counter(load.kinds).items())),
        "workers_that_ended": {str(code): n for code, n in site.ended.items()},
        "seed": seed,
        "seconds": round(time.monotonic() - began_s),
        "passed": verdict.holds and set(site.ended) <= {EXIT_STALLED},
    }


def hurt(site: ProductionSite, seed: int, load: Load, note: Callable[[str], None]) -> None:
    """Send all events and make all faults; return once everything is applied."""
    site.open()
    began_s = time.monotonic()
    for number, kind in enumerate(load.kinds):
        due_s = began_s + (number + 0.5) * load.seconds / len(load.kinds)
        site.pass_time(max(0.0, due_s - time.monotonic()))
        fault_s = time.monotonic()
        KINDS[kind](site, random.Random(f"{seed} {number}"))  # noqa: S311 - a schedule is no secret
        note(f"{fault_s - began_s:6.1f} s  {kind} ({time.monotonic() - fault_s:.1f} s)")
    site.finish(SEND_S)
    note(f"{time.monotonic() - began_s:6.1f} s  all {site.sent.n} records are sent and applied")
