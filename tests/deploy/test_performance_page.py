"""The page of figures says all that the benches answered, beside what it was measured against."""

from __future__ import annotations

from typing import Any

from deploy.machine import describe_machine
from deploy.performance_page import NOTICE, TITLES, performance_page

PEER: dict[str, Any] = {
    "name": "Kafka Streams",
    "events_per_second": 80_000,
    "ratio": 1.25,
    "freshness": {"events_per_second": 40_000, "n_followed": 400, "p50_ms": 7.6, "p99_ms": 18.0},
}
STREAM: dict[str, Any] = {
    "events_per_second": 100_000,
    "ratio": 1.25,
    "peers": [PEER, {"name": "Faust", "events_per_second": 10_000, "ratio": 10.0, "freshness": None}],
    "uniform": {
        "events_per_second": 50_000,
        "ratio": 1.0,
        "peers": [{**PEER, "events_per_second": 50_000, "ratio": 1.0}],
    },
    "single_key": {"events_per_second": 300_000, "ratio": None, "peers": []},
    "plain_faust_events_per_second": 12_345,
    "freshness": {"events_per_second": 50_000, "n_followed": 400, "p50_ms": 4.5, "p99_ms": 14.0},
    "bytes_per_entity": {"state": 2_400, "store": 3_456, "worker": 5_678},
    "cpu_us_per_event": {
        "zipf": {
            "events_per_second": 98_000,
            "worker_us": {"decode": 0.5, "kernel": 2.25},
            "servers_us": {"redis": 3.7},
        },
        "uniform": {"events_per_second": 48_000, "worker_us": {"kernel": 6.0}, "servers_us": {"redis": 11.7}},
    },
    "did_not_run": [{"name": "Flink", "what": "all", "reason": "no Java | none"}],
    "aims": {
        "zipf_events_per_second": {"aim": 100_000, "reached": True},
        "freshness_p99_ms": {"aim": 15.0, "reached": False},
    },
    "traffic": "Zipf, and others",
    "method": "as it is",
    "passed": False,
}
SCORE: dict[str, Any] = {"score_p50_ms": 0.49, "ratio": 1.7, "traffic": "calls", "machine": "x", "passed": True}
AGGREGATES: dict[str, Any] = {"sum": {"event_ns": 90}, "count": {"event_ns": 80}, "traffic": "tiles", "passed": True}


def test_the_page_holds_peers_limits_stages_and_who_did_not_run() -> None:
    """With the ratio to each peer, and the machine named."""
    page = performance_page(
        {"processor": "a fast one, 2 cores"}, "2026-11-26", {"stream": STREAM, "score": SCORE, "aggregates": AGGREGATES}
    )
    assert page.startswith(NOTICE)
    for row in (
        "| processor | a fast one, 2 cores |",
        "| **Millstream** | **100,000** | **50,000** | **300,000** |  | 4.5 / 14.0 |",
        "| Kafka Streams | 80,000 | 50,000 | – | 1.25 × / 1 × | 7.6 / 18.0 |",
        "| Faust | 10,000 | – | – | 10 × / – | – |",
        "| events/s per worker core, Zipf | ≥ 100,000 | yes |",
        "| freshness p99, ms | ≤ 15.0 | no |",
        "| decode | 0.50 | 0.00 |",
        "| **worker** | **2.75** | **6.00** |",
        "| redis server | 3.70 | 11.70 |",
        "| Flink | all | no Java / none |",
        "| score p50 ms | 0.49 |",
        "| passed | yes |",
        "| `sum` | 90 |",
    ):
        assert row in page.splitlines(), row
    assert "12,345" in page
    assert "3,456" in page


def test_a_bench_that_has_no_answer_says_why() -> None:
    """Every section is there."""
    page = performance_page({}, "2026-11-26", {"store": {"reason": "it ended with exit code 3"}})
    assert [line for line in page.splitlines() if line.startswith("## ")][1:] == [
        f"## {title}" for title in TITLES.values()
    ]
    assert "Not measured: it ended with exit code 3." in page
    assert page.count("Not measured: it was not asked for.") == len(TITLES) - 1


def test_the_machine_is_named() -> None:
    """Its processor and cores, memory, and the versions of what was measured."""
    assert {"processor", "memory", "system", "Python", "feast", "faust-streaming"} <= describe_machine().keys()
    assert all(describe_machine().values())
