"""``millstream bench stream --peers``: the run, and what it answers."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from deploy.bench_stream_traffic import EXPONENT, PARTITIONS
from deploy.peers import faust_take, feast_push, no_framework
from deploy.peers.flink import Flink
from deploy.peers.kafka_streams import KafkaStreams
from deploy.peers.peer import Peer
from deploy.peers.registry import MODULES, load_peer
from deploy.stream_bench.comparison import EVEN_PACE, Comparison, Scale, compare
from deploy.stream_bench.freshness import LINGER_MS, READ_EVERY_S, SLICE_S
from deploy.stream_bench.site import BenchSite
from deploy.stream_bench.speed import WARM_UP

AIMS: Final = {
    "zipf_events_per_second": 100_000,
    "uniform_events_per_second": 50_000,
    "freshness_p50_ms": 5.0,
    "freshness_p99_ms": 15.0,
}
MUST_RUN: Final = (KafkaStreams.name, Flink.name)
"""Who is ahead must be ahead of one of these at least: the others are slower by their language."""
METHOD: Final = (
    f"worker and each peer alone on a core, Apache Kafka, Redis, scorer and bench on another; {PARTITIONS} partitions; "
    "3 windows of count, sum, min and max, all tiles full; every contestant reads the same events from a topic of its "
    "own, slow ones the beginning of them, so that these meet more accounts for the first time; speed, as the store "
    f"shows it, from {WARM_UP:.0%} of the events to the last one written; freshness in an open loop at half the "
    f"contestant's own peak and at {EVEN_PACE:,.0f} events/s, sent in slices of {SLICE_S * 1e3:g} ms, linger "
    f"{LINGER_MS} ms, one event at a time followed, its account read every {READ_EVERY_S * 1e3:g} ms: the worker's "
    "through GetFeatures of a scorer process, a peer's by HGET"
)
PROMISES: Final = (
    "What is counted as done is not the same: the worker has confirmed state, Feast's fields, lake row and progress, "
    "and goes on from there after a crash; a peer has confirmed one HSET and begins anew (Faust's tables alone keep a "
    "changelog)",
    "The worker reads each account's state from the store where it meets it; a peer begins it in memory",
    f"Peers wait for a batch as long as they were told to: Feast push {feast_push.WAIT_S * 1e3:g} ms, Quix Streams "
    "30 ms to a commit, Faust with take "
    f"{faust_take.WITHIN_S * 1e3:g} ms, no framework {no_framework.WAIT_S * 1e3:g} ms",
    "Java peers run with both of their compilers; they are measured after a million events of Zipf, two thirds of "
    "that of the others, by when the second one has done most of its work",
    "The same results, account by account, are proven of all but Faust's tables (whole windows by the time of the "
    "record) and Feast's push (a layout of its own)",
)


def bench_with_peers(
    note: Callable[[str], None] = lambda _: None,
    *,
    scale: Scale = Scale(),  # noqa: B008 - frozen
    modules: Sequence[str] = MODULES,
) -> dict[str, Any]:
    """Run it; ``passed`` says whether the worker is ahead of every peer, with skewed and with even traffic."""
    peers: Mapping[str, Peer] = {module: load_peer(module) for module in modules}
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as name, ExitStack() as running:
        comparison = compare(BenchSite(Path(name), running), scale, peers, note)
    return to_answer(comparison, scale)


def to_answer(comparison: Comparison, scale: Scale) -> dict[str, Any]:
    """The figures as they are answered, those of Zipf at the top."""
    zipf, uniform, single_key = (
        section(comparison.ours[traffic], comparison.peers[traffic]) for traffic in ("zipf", "uniform", "single_key")
    )
    figures = {
        **zipf,
        "uniform": uniform,
        "single_key": single_key,
        "plain_faust_events_per_second": comparison.plain_faust,
        "freshness": comparison.ours.get("freshness"),
        "bytes_per_entity": comparison.ours.get("bytes_per_entity"),
        "feast_fields_coalesced": comparison.ours["coalesced"],
        "cpu_us_per_event": comparison.ours["stages"],
        "did_not_run": comparison.missing.told,
    }
    return {
        **figures,
        "aims": aims(figures),
        "events": dict(scale.n_events),
        "traffic": f"Zipf({EXPONENT}), uniform, and one account, over {scale.n_accounts} accounts",
        "method": METHOD,
        "promises": list(PROMISES),
        "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": all(is_ahead(each) for each in (zipf, uniform)),
    }


def section(events_per_second: int, peers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One kind of traffic: the worker, the peers from the fastest on, and how far ahead it is of that one."""
    in_order = sorted(peers, key=lambda peer: -peer["events_per_second"])
    fastest = in_order[0]["events_per_second"] if in_order else None
    return {
        "events_per_second": events_per_second,
        "peers": [{**peer, "ratio": round(events_per_second / peer["events_per_second"], 2)} for peer in in_order],
        "ratio": round(events_per_second / fastest, 2) if fastest else None,
    }


def is_ahead(figures: Mapping[str, Any]) -> bool:
    """Whether the worker is faster than every peer that ran, and one of those did that are to be beaten."""
    peers = figures["peers"]
    return any(peer["name"] in MUST_RUN for peer in peers) and all(
        figures["events_per_second"] > peer["events_per_second"] for peer in peers
    )


def aims(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What is aimed for, and whether this run reached it."""
    freshness = (figures["freshness"] or {}).get("half_peak", {})
    found = {
        "zipf_events_per_second": figures["events_per_second"],
        "uniform_events_per_second": figures["uniform"]["events_per_second"],
        "freshness_p50_ms": freshness.get("p50_ms"),
        "freshness_p99_ms": freshness.get("p99_ms"),
    }
    return {
        name: {"aim": aim, "found": found[name], "reached": is_reached(name, aim, found[name])}
        for name, aim in AIMS.items()
    }


def is_reached(name: str, aim: float, found: float | None) -> bool:
    """Milliseconds are to be few, all else many; what could not be measured was not reached."""
    if found is None:
        return False
    return found <= aim if name.endswith("_ms") else found >= aim
