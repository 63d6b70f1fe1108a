"""The whole scorer as it is run: several processes on one port, and behind TLS."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import grpc
import psutil
import pytest

from deploy.bench_score import METHOD, BenchProcess, request_of, start_scorer
from deploy.bench_score_setup import open_world
from features.settings import ScorerSettings, TlsSettings
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from millstream import Client, Tls
from tests.grpc_api.shop import Shop, publish, stock
from tests.redis_servers import Authority
from tests.waiting import wait_until

N = 2


def children(scorer: BenchProcess) -> set[int]:
    """Pids of the processes that serve."""
    return {child.pid for child in psutil.Process(scorer.pid).children() if child.status() != psutil.STATUS_ZOMBIE}


def is_scored(scorer: BenchProcess, user: int) -> bool:
    """Whether a connection of its own brings a score."""
    with grpc.insecure_channel(scorer.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        answer = channel.unary_unary(METHOD)(request_of(user), timeout=20, wait_for_ready=True)
    return bool(pb.ScoreResponse.FromString(answer).version)


@pytest.mark.servers
@pytest.mark.faults
def test_several_processes_serve_and_are_kept_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is killed is missed by nobody, and started again; SIGTERM ends all."""
    monkeypatch.setenv("MILLSTREAM_SCORER__PROCESSES", str(N))
    with ExitStack() as running:
        scorer = start_scorer(open_world(tmp_path, running, 20), running)
        wait_until(lambda: "scorers_listen" in scorer.log_file.read_text(), 90)
        before = children(scorer)
        assert len(before) == N
        os.kill(min(before), signal.SIGKILL)
        assert all(is_scored(scorer, user) for user in range(10))
        wait_until(lambda: len(children(scorer)) == N, 30)
        assert len(children(scorer) - before) == 1
        after = children(scorer)
        scorer.stop()
        assert not any(psutil.pid_exists(pid) for pid in after)


def test_the_scorer_speaks_tls_where_settings_say_so(tmp_path: Path) -> None:
    """To a caller that trusts its authority and has a certificate of it."""
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("scorer")
    tls = TlsSettings(certificate=certificate, key=key, client_ca=authority.ca_file)
    publish(tmp_path / "models", "1")
    shop = Shop(tmp_path / "models", settings=ScorerSettings(port=0, rest=False, tls=tls))
    stock(shop.store)
    shop.scorer.start()
    own_certificate, own_key = authority.issue("caller")
    try:
        with Client(
            shop.address, tls=Tls(authorities=authority.ca_file, certificate=own_certificate, key=own_key)
        ) as client:
            assert client.score({"buyer": "ann"}).raw_score == 9.5
    finally:
        shop.scorer.stop(drain_s=1.0)
