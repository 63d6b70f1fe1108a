"""What runs, held against a system's design: its components, and what it promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from deploy.design import Design, Slos
from deploy.metrics_page import MetricsPage

MIN_CALLS: Final = 1_000
"""Calls below which the slowest hundredth says nothing."""


def not_running(design: Design, running: Mapping[str, bool]) -> list[str]:
    """Components that the stack does not have (``running``: by process, whether it lives), and those too many."""
    alive = {name for name, lives in running.items() if lives}
    missing = [name for name in design.components if not any(_is_one(process, name) for process in alive)]
    unknown = [process for process in running if not any(_is_one(process, name) for name in design.components)]
    return [
        *(f"components: {name} is not running" for name in missing),
        *(f"components: {process} runs and is not in the design" for process in unknown),
    ]


def broken_promises(
    slos: Slos, scorers: Sequence[MetricsPage | None], monitor: MetricsPage | None
) -> tuple[list[str], list[str]]:
    """Promises that do not hold, and those that do or cannot be told yet, a line each."""
    kept: list[str] = []
    broken: list[str] = []
    for holds, line in _measured(slos, [page for page in scorers if page is not None], monitor):
        (kept if holds else broken).append(line)
    return broken, kept


def _measured(slos: Slos, scorers: Sequence[MetricsPage], monitor: MetricsPage | None) -> Iterator[tuple[bool, str]]:
    if slos.score_p99_ms is not None:
        calls = sum(page.value("millstream_scorer_request_seconds_count", method="Score") for page in scorers)
        if calls < MIN_CALLS:
            yield True, f"score_p99_ms: {calls:,.0f} calls are too few to tell"
        else:
            slow = [page.quantile("millstream_scorer_request_seconds", 0.99, method="Score") * 1e3 for page in scorers]
            yield max(slow) <= slos.score_p99_ms, f"score_p99_ms: {max(slow):.1f} of {slos.score_p99_ms:g}"
    if slos.unproven_scores is not None and monitor is not None:
        unproven = monitor.value("millstream_verify_mismatched")
        yield unproven <= slos.unproven_scores, f"unproven_scores: {unproven:,.0f} of {slos.unproven_scores}"


def _is_one(process: str, component: str) -> bool:
    """Whether a process is the component, or one of several of its kind."""
    return process == component or process.removeprefix(f"{component}-").isdecimal()
