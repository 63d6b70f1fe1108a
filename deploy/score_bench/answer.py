"""``millstream bench score --peers``: the run, and what it answers."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deploy.score_bench.comparison import ECHO, OURS, SDK, Comparison, Scale
from deploy.score_bench.contestant import IN_FLIGHT
from deploy.score_peers.feast_fastapi import FeastFastApi
from deploy.score_peers.peer import ScorePeer
from deploy.score_peers.registry import PEERS

AT_MOST, AT_LEAST = "≤", "≥"
AIMS: Final = {
    "alone_p50_to_echo": (AT_MOST, 1.5),
    "together_p50_to_echo": (AT_MOST, 1.2),
    "half_load_p99_to_echo": (AT_MOST, 2.0),
    "throughput_to_echo": (AT_LEAST, 0.85),
    "batch_rows_per_second_fetched": (AT_LEAST, 50_000),
    "batch_rows_per_second_vectors": (AT_LEAST, 150_000),
    "feature_reads_1_row_to_feast": (AT_LEAST, 3.0),
    "feature_reads_100_rows_to_feast": (AT_LEAST, 6.0),
}
MUST_RUN: Final = FeastFastApi.name
"""Who is ahead must be ahead of this one at least: it alone reads features as we do."""
METHOD: Final = (
    "every server alone on one core, taking turns in short rounds; load generator, store and broker on another; the "
    "generator speaks HTTP/2 and HTTP/1.1 itself, over one connection to a gRPC server; one call in flight and "
    f"{IN_FLIGHT} in closed loops, half load in an open loop (Poisson) at half of the calls a second that a contestant "
    f"answers with {IN_FLIGHT} in flight, but never more than half of the echo's; every call is about another entity"
)
PROMISES: Final = (
    "What a call does is not the same: ours fetches the state, finishes every window at the instant of the call, "
    "looks for stale features, scores, and leaves a record at the broker; the usual build reads features as they stood "
    "at the last event; MLServer and BentoML are sent the vector; the echo gives one answer back, and does nothing",
    "Raw ONNX Runtime is called in process: no request, no answer. So are Feast's SDK and what the scorer reads "
    "features with; its GetFeatures, which is a call over gRPC, stands beside them",
    "ghz is a client of gRPC's own make and takes its time too, the same for ours and for the echo, which brings the "
    "two closer to each other; our generator takes less",
)


def bench_with_peers(
    note: Callable[[str], None] = lambda _: None,
    *,
    scale: Scale = Scale(),  # noqa: B008 - frozen
    peers: Sequence[type[ScorePeer]] = PEERS,
) -> dict[str, Any]:
    """Run it; ``passed`` says whether the scorer is ahead of every peer."""
    comparison = Comparison(scale, note)
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        comparison.run(Path(folder), {peer.__module__.rpartition(".")[2]: peer() for peer in peers})
    return to_answer(comparison, scale)


def to_answer(comparison: Comparison, scale: Scale) -> dict[str, Any]:
    """The figures as they are answered."""
    figures = {each.name: each.figures() for each in comparison.contestants}
    ours, echo = figures.pop(OURS), figures.pop(ECHO)
    peers = sorted(figures.values(), key=lambda peer: -peer["together"]["per_second"])
    found = {**to_echo(ours, echo), **comparison.own, **to_feast(comparison.feature_reads)}
    ghz = comparison.ghz
    by_ghz = to_echo(ghz[OURS], ghz[ECHO]) if OURS in ghz and ECHO in ghz else {}
    return {
        "score": ours,
        "echo": echo,
        "peers": [{**peer, "ratios": to_peer(ours, peer)} for peer in peers],
        "raw_ort": comparison.raw_ort,
        **comparison.own,
        "feature_reads": comparison.feature_reads,
        "ghz": ghz,
        "aims": aims(found, by_ghz),
        "cpu_us": comparison.cpu_us,
        "did_not_run": comparison.missing.told,
        "method": METHOD,
        "promises": list(PROMISES),
        "traffic": f"{scale.n_entities} entities in random order, {comparison.state_bytes} bytes of state and 12 "
        "features each, 200 trees of 31 leaves",
        "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": is_ahead(ours, peers),
    }


def to_echo(ours: Mapping[str, Any], echo: Mapping[str, Any]) -> dict[str, float]:
    """How far from the limit."""
    return {
        "alone_p50_to_echo": round(ours["alone"]["p50_ms"] / echo["alone"]["p50_ms"], 3),
        "together_p50_to_echo": round(ours["together"]["p50_ms"] / echo["together"]["p50_ms"], 3),
        "half_load_p99_to_echo": round(ours["half_load"]["p99_ms"] / echo["half_load"]["p99_ms"], 3),
        "throughput_to_echo": round(ours["together"]["per_second"] / echo["together"]["per_second"], 3),
    }


def to_peer(ours: Mapping[str, Any], peer: Mapping[str, Any]) -> dict[str, float]:
    """How many times faster we are than a peer."""
    return {
        "alone_p50": round(peer["alone"]["p50_ms"] / ours["alone"]["p50_ms"], 2),
        "together_p50": round(peer["together"]["p50_ms"] / ours["together"]["p50_ms"], 2),
        "throughput": round(ours["together"]["per_second"] / peer["together"]["per_second"], 2),
    }


def to_feast(reads: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """How many times faster than Feast's SDK features are read, by rows, where both were measured."""
    names = {"1": "feature_reads_1_row_to_feast", "100": "feature_reads_100_rows_to_feast"}
    if OURS not in reads or SDK not in reads:
        return {}
    return {name: round(reads[SDK][rows]["p50_ms"] / reads[OURS][rows]["p50_ms"], 2) for rows, name in names.items()}


def is_ahead(ours: Mapping[str, Any], peers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether we are faster than every peer that ran in every way, and the one did that is to be beaten."""
    return any(peer["name"] == MUST_RUN for peer in peers) and all(
        ratio > 1 for peer in peers for ratio in to_peer(ours, peer).values()
    )


def aims(found: Mapping[str, Any], by_ghz: Mapping[str, Any]) -> dict[str, Any]:
    """What is aimed for, and whether this run reached it: by ghz, where that measured it, else by our own generator.

    What could not be measured was not reached.
    """
    return {
        name: {
            "sign": sign,
            "aim": aim,
            "found": found.get(name),
            "by_ghz": by_ghz.get(name),
            "reached": is_reached(sign, aim, by_ghz.get(name, found.get(name))),
        }
        for name, (sign, aim) in AIMS.items()
    }


def is_reached(sign: str, aim: float, found: float | None) -> bool:
    """Whether a figure is on the right side."""
    if found is None:
        return False
    return found <= aim if sign == AT_MOST else found >= aim
