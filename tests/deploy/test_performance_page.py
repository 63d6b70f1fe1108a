"""The page of figures says all that the benches answered, beside what it was measured against."""

from __future__ import annotations

from typing import Any

from deploy.machine import describe_machine
from deploy.performance_page import NOTICE, TITLES, performance_page

PEER: dict[str, Any] = {
    "name": "Kafka Streams",
    "events_per_second": 80_000,
    "ratio": 1.25,
    "events": 1_200_000,
    "freshness": {
        "even_pace": {
            "events_per_second": 10_000,
            "n_followed": 400,
            "p50_ms": 7.6,
            "p99_ms": 18.0,
            "servers_core": {"kafka": 0.25, "redis": 0.5},
        }
    },
}
STREAM: dict[str, Any] = {
    "events_per_second": 100_000,
    "ratio": 1.25,
    "peers": [PEER, {"name": "Faust", "events_per_second": 10_000, "ratio": 10.0, "events": 60_000, "freshness": {}}],
    "uniform": {
        "events_per_second": 50_000,
        "ratio": 1.0,
        "peers": [{**PEER, "events_per_second": 50_000, "ratio": 1.0}],
    },
    "single_key": {"events_per_second": 300_000, "ratio": None, "peers": []},
    "plain_faust_events_per_second": 12_345,
    "freshness": {
        "half_peak": {
            "events_per_second": 50_000,
            "n_followed": 400,
            "p50_ms": 4.5,
            "p99_ms": 14.0,
            "servers_core": {"kafka": 0.5, "redis": 0.25},
        }
    },
    "events": {"zipf": 1_200_000, "uniform": 800_000, "single_key": 900_000},
    "feast_fields_coalesced": {"zipf": 123_456, "uniform": 65_432},
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
        "zipf_events_per_second": {"aim": 100_000, "found": 101_000, "reached": True},
        "freshness_p99_ms": {"aim": 15.0, "found": None, "reached": False},
    },
    "traffic": "Zipf, and others",
    "method": "as it is",
    "promises": ["a peer begins anew"],
    "taken_on": "2026-11-25",
    "passed": False,
}


def served(name: str, p50_ms: float, per_second: int) -> dict[str, Any]:
    """A contestant of the scorer's bench."""
    found = {"p50_ms": p50_ms, "p99_ms": 2 * p50_ms, "per_second": per_second, "calls": 9, "failed": 0}
    return {
        "name": name,
        "alone": found,
        "together": found,
        "half_load": {"asked_per_second": per_second // 2, **found},
    }


SCORE: dict[str, Any] = {
    "score": served("Millstream", 0.25, 5_000),
    "echo": served("bare grpc.aio echo", 0.2, 6_000),
    "peers": [
        {**served("BentoML", 1.0, 900), "ratios": {"alone_p50": 4.0, "together_p50": 4.0, "throughput": 5.56}},
        {**served("late", 2.0, 800), "half_load": None},
    ],
    "raw_ort": {"p50_ms": 0.008, "p99_ms": 0.01, "per_second": 90_000, "calls": 9, "failed": 0},
    "get_features": {"p50_ms": 0.3, "p99_ms": 0.6, "per_second": 3_000, "calls": 9, "failed": 0},
    "feature_reads": {"Feast's SDK": {rows: {"p50_ms": 0.5, "p99_ms": 1.0} for rows in ("1", "100")}},
    "aims": {
        "throughput_to_echo": {"sign": "≥", "aim": 0.85, "found": 0.833, "by_ghz": 0.9, "reached": True},
        "batch_rows_per_second_vectors": {"sign": "≥", "aim": 150_000, "found": None, "by_ghz": None, "reached": False},
    },
    "cpu_us": {
        "Score": {"transport": 50.0, "model": 25.5},
        "batch_rows_per_second_fetched": {"model": 4.5, "fetch": 2.0},
    },
    "did_not_run": [{"name": "MLServer", "what": "installation", "reason": "no uv"}],
    "traffic": "calls",
    "method": "as it is",
    "promises": ["an echo does nothing"],
    "passed": True,
}
AGGREGATES: dict[str, Any] = {"sum": {"event_ns": 90}, "count": {"event_ns": 80}, "traffic": "tiles", "passed": True}


def test_the_page_holds_peers_limits_stages_and_who_did_not_run() -> None:
    """With the ratio to each peer, and the machine named."""
    page = performance_page(
        {"processor": "a fast one, 2 cores"}, {"stream": STREAM, "score": SCORE, "aggregates": AGGREGATES}
    )
    assert page.startswith(NOTICE)
    for row in (
        "| processor | a fast one, 2 cores |",
        "Taken on 2026-11-25.",
        "| **Millstream** | **100,000** | **50,000** | **300,000** | 1,200,000 / 800,000 / 900,000 |  |",
        "| Kafka Streams | 80,000 | 50,000 | – | 1,200,000 / 1,200,000 / – | 1.25 × / 1 × |",
        "| Faust | 10,000 | – | – | 60,000 / – / – | 10 × / – |",
        "- a peer begins anew.",
        "| **Millstream** | 4.5 / 14.0 at 50,000/s, servers 75% | – |",
        "| Kafka Streams | – | 7.6 / 18.0 at 10,000/s, servers 75% |",
        "| Faust | – | – |",
        "| events/s per worker core, Zipf | ≥ 100,000 | 101,000 | yes |",
        "| freshness p99, ms | ≤ 15.0 | – | no |",
        "| **Millstream** | 0.250 / 0.500 | 0.250 / 0.500 | 5,000 | 0.250 / 0.500 at 2,500/s |  |",
        "| late | 2.000 / 4.000 | 2.000 / 4.000 | 800 | – |  |",
        "| BentoML | 1.000 / 2.000 | 1.000 / 2.000 | 900 | 1.000 / 2.000 at 450/s | 4 × / 4 × / 5.56 × |",
        "| raw ONNX Runtime, in process | 0.008 / 0.010 | – | 90,000 (alone) | – |  |",
        "| calls/s with 16 in flight, to the echo's | ≥ 0.85 | 0.833 | 0.9 | yes |",
        "| ScoreBatch of 1,000, rows/s of one core, vectors in the request | ≥ 150,000 | – | – | no |",
        "| Feast's SDK, in process | 0.500 / 1.000 | 0.500 / 1.000 |",
        "| GetFeatures, over gRPC | 0.300 / 0.600 | – |",
        "| **all** | **75.5** | **6.5** |",
        "| MLServer | installation | no uv |",
        "| decode | 0.50 | 0.00 |",
        "| **worker** | **2.75** | **6.00** |",
        "| redis server | 3.70 | 11.70 |",
        "| Flink | all | no Java / none |",
        "| passed | yes |",
        "| `sum` | 90 |",
    ):
        assert row in page.splitlines(), row
    assert "12,345" in page
    assert "3,456" in page
    assert "every second: Zipf(1.1) 123,456 events/s, uniform 65,432 events/s." in page


def test_a_bench_that_has_no_answer_says_why() -> None:
    """Every section is there."""
    page = performance_page({}, {"store": {"reason": "it ended with exit code 3"}})
    assert [line for line in page.splitlines() if line.startswith("## ")][1:] == [
        f"## {title}" for title in TITLES.values()
    ]
    assert "Not measured: it ended with exit code 3." in page
    assert page.count("Not measured: it was not asked for.") == len(TITLES) - 1


def test_what_could_not_be_measured_is_left_out() -> None:
    """A run without plain Faust, stages and memory has a page all the same."""
    lacking = {
        "plain_faust_events_per_second": None,
        "feast_fields_coalesced": {},
        "bytes_per_entity": None,
        "cpu_us_per_event": {},
        "freshness": None,
    }
    page = performance_page({}, {"stream": {**STREAM, **lacking}})
    assert "Kafka Streams" in page
    assert "None" not in page


def test_the_machine_is_named() -> None:
    """Its processor and cores, memory, and the versions of what was measured."""
    named = {"processor", "memory", "system", "Python", "Java", "feast", "faust-streaming", "Kafka Streams", "Flink"}
    assert named | {"bytewax", "quixstreams", "MLServer", "BentoML"} <= describe_machine().keys()
    assert all(describe_machine().values())


SEARCHED: dict[str, Any] = {
    "rows": 100_000,
    "features": 30,
    "seconds": 81.5,
    "validation_score": 0.73,
    "test_score": 0.72971,
    "best_model": "lightgbm",
    "search": {"n_trials": 31},
    "peer": {"name": "FLAML", "seconds": 60.2, "best_model": "lgbm", "validation_score": 0.74, "test_score": 0.7322},
    "below_peer": 0.0025,
}


def test_a_search_stands_beside_its_peer() -> None:
    """On each training set; where the peer could not be had, why."""
    answer = {
        **SEARCHED,
        "recorded": {**SEARCHED, "rows": 4_000, "search": None, "validation_score": None, "peer": None},
        "minutes": 1.0,
        "cores": 2,
        "did_not_run": {"FLAML, recorded": "no network"},
        "bar": {"seconds": 300.0, "below_peer": 0.005},
        "passed": True,
    }
    page = performance_page({}, {"train": answer}).splitlines()
    for row in (
        "| made up | 100,000 × 30 | **Millstream** | 81.5 | 31 | lightgbm | 0.7300 | 0.7297 |",
        "| made up | 100,000 × 30 | FLAML | 60.2 | – | lgbm | 0.7400 | 0.7322 |",
        "| recorded history | 4,000 × 30 | **Millstream** | 81.5 | – | lightgbm | – | 0.7297 |",
        "- FLAML, recorded did not run: no network.",
        "Bar: at most 300.0 s, and at most 0.005 below the peer: reached.",
    ):
        assert row in page, row
