"""Every peer of the scorer's bench does what it is measured at: it answers with the model's own score."""

from __future__ import annotations

import json
import struct
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import pytest
from lightgbm import Booster

from deploy.bench_score_setup import World, open_world
from deploy.score_bench.comparison import KEPT
from deploy.score_bench.grpc_link import GrpcDoor
from deploy.score_bench.peer_process import ScorePeerProcess
from deploy.score_peers.peer import Question, ScorePeer
from deploy.score_peers.registry import PEERS

pytestmark = [pytest.mark.peers, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Store and model, as in the bench."""
    with ExitStack() as running:
        yield open_world(tmp_path_factory.mktemp("world"), running, 100)


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: kind.__name__)
def test_a_peer_answers_with_the_models_score(world: World, kind: type[ScorePeer]) -> None:
    """Of the entity that it is asked about, to the last digits that its protocol carries."""
    peer, kept = kind(), KEPT / kind.__module__.rpartition(".")[2]
    kept.mkdir(parents=True, exist_ok=True)
    peer.prepare(kept)
    model = Booster(model_str=world.model_text)
    with ScorePeerProcess(peer, kept, world) as process:
        for user in (7, 42):
            question = Question(user, world.vectors[user].tolist())
            expected = float(model.predict(world.vectors[user : user + 1])[0])
            assert ask(peer, question, process.port) == pytest.approx(expected, rel=1e-12)


def ask(peer: ScorePeer, question: Question, port: int) -> float:
    """The score in a peer's answer, over a client that is none of the bench's."""
    request = peer.request(question)
    if isinstance(peer.door, GrpcDoor):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(peer.door.method, request_serializer=None, response_deserializer=None)
            answer = call(request, timeout=DEADLINE_S, wait_for_ready=True)
        (score,) = struct.unpack("<d", answer[-8:])  # its one output's one double stands last
        return float(score)
    head, _, body = request.partition(b"\r\n\r\n")
    path, headers = head.split()[1].decode(), {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
    with urllib.request.urlopen(asked, timeout=DEADLINE_S) as response:
        told = json.load(response)
    return float(told["prediction"] if isinstance(told, dict) else told)
