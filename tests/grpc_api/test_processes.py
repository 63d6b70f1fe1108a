"""Several processes on one port: kept up, ended in order, and never beside another scorer's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from deploy.server_process import free_port
from features.errors import SettingsError
from features.settings import ScorerSettings
from grpc_api.http2.listener import open_shared_listener
from grpc_api.processes import claimed
from tests.alive import is_alive
from tests.grpc_api.http2.serving import SERVICE
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
N = 3


def spawn(port: int, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.grpc_api.http2.pid_server", str(port), str(N), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(port: int) -> int:
    """Pid of the process that a new connection leads to."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        return int(channel.unary_unary(f"{SERVICE}Pid")(b"", timeout=10, wait_for_ready=True))


def pids(port: int, n: int = N) -> set[int]:
    """Those of all processes."""
    found: set[int] = set()

    def are_found() -> bool:
        found.add(ask(port))
        return len(found) == n

    wait_until(are_found, 30)
    return found


@pytest.fixture
def running() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A parent with its children, and their port."""
    port = free_port()
    parent = spawn(port)
    try:
        yield parent, port
    finally:
        parent.kill()
        parent.communicate(timeout=20)


def test_processes_share_the_port_and_end_with_their_parents_order(running: tuple[subprocess.Popen[str], int]) -> None:
    """Connections are spread over them; SIGTERM drains them all: what is in flight is answered."""
    parent, port = running
    children = pids(port)
    assert parent.pid not in children
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(f"{SERVICE}Wait")
        assert call(b"0", timeout=10) == b"0"
        in_flight = call.future(b"0.5", timeout=20)
        call(b"0", timeout=10)
        parent.send_signal(signal.SIGTERM)
        assert in_flight.result(20) == b"0.5"
    assert parent.wait(20) == 0
    assert not any(map(is_alive, children))


@pytest.mark.faults
def test_a_process_that_dies_is_started_again(running: tuple[subprocess.Popen[str], int]) -> None:
    """Meanwhile the others answer every call."""
    _, port = running
    children = pids(port)
    victim = min(children)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not is_alive(victim))
    assert ask(port) in children - {victim}
    wait_until(lambda: ask(port) not in children, 30)


@pytest.mark.faults
def test_a_process_that_hangs_as_it_is_started_again_is_killed_and_replaced(tmp_path: Path) -> None:
    """Meanwhile the others answer; the log says why it was."""
    order, port = tmp_path / "hang", free_port()
    parent = spawn(port, str(order))
    try:
        children = pids(port)
        order.touch()
        os.kill(min(children), signal.SIGKILL)
        wait_until(lambda: not order.exists(), 30)
        assert ask(port) in children
        wait_until(lambda: ask(port) not in children, 60)
    finally:
        parent.terminate()
        told = parent.communicate(timeout=60)[0]
    assert "did not answer within 5 s" in told
    assert parent.returncode == 0


@pytest.mark.faults
def test_children_end_when_their_parent_is_killed(running: tuple[subprocess.Popen[str], int]) -> None:
    """So none is left behind on the port."""
    parent, port = running
    children = pids(port)
    parent.kill()
    parent.wait(20)
    wait_until(lambda: not any(map(is_alive, children)), 20)


def test_a_port_that_other_processes_share_is_taken(running: tuple[subprocess.Popen[str], int]) -> None:
    """A second parent fails, and the first goes on undisturbed."""
    _, port = running
    children = pids(port)
    second = spawn(port)
    assert second.wait(30) != 0
    assert f"MILLSTREAM_SCORER__PORT: cannot listen on 127.0.0.1:{port}" in second.communicate()[1]
    assert pids(port) == children


def test_processes_of_which_one_does_not_come_up_do_not_run() -> None:
    """The others are ended, and the error says why."""
    port = free_port()
    parent = spawn(port, "fail")
    _, told = parent.communicate(timeout=60)

    assert parent.returncode != 0
    assert "scorer process 1: setting MILLSTREAM_SOMETHING: is wrong" in told


def test_all_ports_are_held_for_the_processes() -> None:
    """That of REST too, and each is named where it is taken."""
    settings = ScorerSettings(port=free_port(), rest_port=0)
    with ExitStack() as claims:
        shared = claimed(settings, claims)
        assert shared.port == settings.port
        assert shared.rest_port != 0
        with open_shared_listener(shared.host, shared.rest_port), open_shared_listener(shared.host, shared.rest_port):
            pass
        with pytest.raises(SettingsError, match="MILLSTREAM_SCORER__REST_PORT: cannot listen"), ExitStack() as others:
            claimed(shared.model_copy(update={"port": 0}), others)
