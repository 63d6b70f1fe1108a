"""The scorer's bench with peers: its ratios, its aims, and a small run of all that our own environment can run."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.bench_score_setup import open_world
from deploy.score_bench.answer import AIMS, MUST_RUN, aims, bench_with_peers, is_ahead, to_echo, to_feast
from deploy.score_bench.comparison import OURS, SDK, Scale
from deploy.score_bench.ghz import to_figures
from deploy.score_page import PROFILES
from deploy.score_peers.bento import Bento
from deploy.score_peers.feast_fastapi import FeastFastApi
from deploy.score_peers.feast_sdk import open_feast, read_vectors
from deploy.score_peers.ml_server import MlServer
from deploy.score_peers.peer import STORE, Question
from deploy.score_peers.registry import PEERS
from features.errors import NotServingError, UnavailableError


def served(p50_ms: float, per_second: float, name: str = MUST_RUN) -> dict[str, Any]:
    """A contestant with the same figures under every load."""
    found = {"p50_ms": p50_ms, "p99_ms": 2 * p50_ms, "per_second": per_second}
    return {"name": name, "alone": found, "together": found, "half_load": found}


def test_ahead_is_faster_in_every_way_than_every_peer() -> None:
    """The usual build among them."""
    ours = served(1.0, 100)
    assert is_ahead(ours, [served(1.1, 99)])
    assert not is_ahead(ours, [served(1.1, 99), served(1.0, 50, "other")])
    assert not is_ahead(ours, [served(1.1, 100)])
    assert not is_ahead(ours, [served(1.1, 99, "other")])


def test_aims_are_judged_by_ghz_where_it_measured_them() -> None:
    """Else by what our own generator found; what nobody measured is not reached."""
    found = {**to_echo(served(1.6, 80), served(1.0, 100)), "batch_rows_per_second_fetched": 50_000}
    assert found["alone_p50_to_echo"] == 1.6
    assert found["throughput_to_echo"] == 0.8
    judged = aims(found, {"alone_p50_to_echo": 1.5, "throughput_to_echo": 0.9})
    reached = {name for name, aim in judged.items() if aim["reached"]}
    assert reached == {
        "alone_p50_to_echo",
        "half_load_p99_to_echo",
        "throughput_to_echo",
        "batch_rows_per_second_fetched",
    }
    assert not aims(found, {})["alone_p50_to_echo"]["reached"]
    assert judged.keys() == AIMS.keys()
    assert judged["batch_rows_per_second_vectors"]["found"] is None


def test_reads_are_held_against_feast_where_both_were_measured() -> None:
    """By rows."""
    reads = {OURS: {"1": {"p50_ms": 0.1}, "100": {"p50_ms": 1.0}}, SDK: {"1": {"p50_ms": 0.4}, "100": {"p50_ms": 8.0}}}
    assert to_feast(reads) == {"feature_reads_1_row_to_feast": 4.0, "feature_reads_100_rows_to_feast": 8.0}
    assert to_feast({OURS: reads[OURS]}) == {}


def test_reports_of_ghz_are_read() -> None:
    """In milliseconds; a call without an answer is no figure."""
    report = {
        "count": 10,
        "rps": 99.6,
        "statusCodeDistribution": {"OK": 10},
        "latencyDistribution": [{"percentage": 50, "latency": 250_000}, {"percentage": 99, "latency": 1_000_000}],
    }
    assert to_figures(report) == {"p50_ms": 0.25, "p99_ms": 1.0, "per_second": 100, "calls": 10}
    with pytest.raises(NotServingError, match="no answer to 1 of 10"):
        to_figures({**report, "statusCodeDistribution": {"OK": 9, "Unavailable": 1}})


def test_peers_ask_in_the_words_of_their_protocol() -> None:
    """Each by a name of its own; what they ask is about the entity or its vector."""
    question = Question(7, [1.0, 2.5])
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert FeastFastApi().request(question).endswith(b'\r\n\r\n{"user_id":7}')
    assert Bento().request(question).endswith(b'{"vector":[1.0,2.5]}')
    assert MlServer().request(question) == (
        b"\x0a\x05bench\x2a\x26\x0a\x06vector\x12\x04FP64\x1a\x02\x01\x02\x2a\x12\x3a\x10"
        b"\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x04\x40"
    )


class NotThere(Bento):
    """A peer that cannot be had."""

    name = "not there"

    def prepare(self, folder: Path) -> None:
        raise UnavailableError(self.name, "cannot be installed")


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_small_run_has_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ours, the echo, and the usual build; who cannot be had is listed with the reason."""
    scale = Scale(
        n_entities=500, rounds=1, warm_up_s=0.1, alone_s=0.1, together_s=0.1, paced_s=0.2, calls_s=0.2, program_s=0.1,
        profile_s=0.3,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)  # keeps nothing of it in var/peers
    answer = bench_with_peers(scale=scale, peers=(FeastFastApi, NotThere))
    absent = {(each["name"], each["what"]) for each in answer["did_not_run"]}
    assert absent == {("not there", "installation"), ("ghz", "all")}
    assert [peer["name"] for peer in answer["peers"]] == [FeastFastApi.name]
    for contestant in (answer["score"], answer["echo"], *answer["peers"]):
        for load in ("alone", "together", "half_load"):
            assert 0 < contestant[load]["p50_ms"] <= contestant[load]["p99_ms"], (contestant["name"], load)
            assert contestant[load]["per_second"] > 0
    assert answer["raw_ort"]["p50_ms"] < answer["score"]["alone"]["p50_ms"]
    assert set(answer["cpu_us"]) == set(PROFILES)
    assert all(each["model"] > 0 for each in answer["cpu_us"].values())
    measured = {name for name, aim in answer["aims"].items() if aim["found"] is not None}
    assert measured >= AIMS.keys() - {"batch_rows_per_second_vectors"}
    assert answer["passed"] is is_ahead(answer["score"], answer["peers"])


@pytest.mark.servers
def test_feast_reads_what_the_scorer_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK finds the bench's entities under its own keys, each with the features of its state."""
    with ExitStack() as running:
        world = open_world(tmp_path, running, 100)
        monkeypatch.setitem(os.environ, STORE, world.store.address)
        found = read_vectors(open_feast(tmp_path), [3, 99])
    assert found == [pytest.approx(world.vectors[user].tolist()) for user in (3, 99)]
